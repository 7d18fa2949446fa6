import assert from "node:assert/strict";
import test from "node:test";
import { initial, reduce } from "../client/state/reduce.js";
import { conversation, ME, message, PEER, user } from "./fixtures.js";

const run = (actions, state = initial(user(ME))) => actions.reduce(reduce, state);
const item = (id, alias = null) => ({ user: user(id), alias, added_at: "t" });
const typing = (user_id, now) => ({ type: "typing", conversation_id: "c", user_id, typing: now });

test("a contact's name stays with whatever else comes to be known of them", () => {
  const state = run([
    { type: "users", users: [user(PEER)] },
    { type: "contacts", items: [item(PEER, "Mum")] },
    { type: "users", users: [{ ...user(PEER), about: "new" }] },
  ]);
  assert.deepEqual([state.users[PEER].alias, state.users[PEER].about], ["Mum", "new"]);
  const without = run([{ type: "contactGone", id: PEER }], state);
  assert.deepEqual([without.contacts, without.users[PEER].alias], [{}, undefined]);
  const renamed = run([{ type: "contact", item: item(PEER, "Mother") }], without);
  assert.equal(renamed.users[PEER].alias, "Mother");
});

test("a name that another device took back is gone with the next list", () => {
  const state = run([
    { type: "contacts", items: [item(PEER, "Mum")] },
    { type: "contacts", items: [] },
  ]);
  assert.equal(state.users[PEER].alias, undefined);
});

test("blocks are a list that grows and shrinks", () => {
  const state = run([
    { type: "blocks", items: [{ user: user(PEER), blocked_at: "t" }] },
    { type: "blocked", id: "third", at: "u" },
    { type: "unblocked", id: PEER },
  ]);
  assert.deepEqual(state.blocks, { third: { blocked_at: "u" } });
});

test("somebody writes until they stop, or their message comes", () => {
  const state = run([{ type: "conversation", conversation: conversation() }, typing(PEER, true), typing("third", true)]);
  assert.deepEqual(state.typing.c, [PEER, "third"]);
  assert.deepEqual(run([typing("third", false)], state).typing.c, [PEER]);
  assert.deepEqual(run([{ type: "message", message: message(1), created: true }], state).typing.c, ["third"]);
  assert.deepEqual(run([{ type: "message", message: message(1), created: false }], state).typing.c, [PEER, "third"]);
});

test("the same again, and one's own writing elsewhere, change nothing", () => {
  const state = run([typing(PEER, true)]);
  assert.equal(run([typing(PEER, true), typing(ME, true)], state), state);
});

test("the own profile shows in the list of everyone without what is private", () => {
  const profile = { ...user(ME), about: "here", email: "me@example.org", settings: { last_seen: "nobody" } };
  const state = run([{ type: "profile", profile }]);
  assert.equal(state.me.settings.last_seen, "nobody");
  assert.deepEqual(state.users[ME], { ...user(ME), about: "here" });
});

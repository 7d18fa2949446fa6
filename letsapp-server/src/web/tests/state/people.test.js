// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { initialState, reduce } from "../../client/state/reduce.js";
import { conversation, ME, message, PEER, user } from "../fixtures.js";

const run = (actions, state = initialState(user(ME))) => actions.reduce(reduce, state);
const item = (id, alias = null) => ({ user: user(id), alias, added_at: "t" });
const typing = (user_id, now) => ({ type: "typing", conversation_id: "c", user_id, typing: now });

test("a contact keeps their alias when their profile changes", () => {
  const state = run([
    { type: "users", users: [user(PEER)] },
    { type: "contacts", items: [item(PEER, "Mum")] },
    { type: "users", users: [{ ...user(PEER), about: "new" }] },
  ]);
  assert.deepEqual([state.users[PEER].alias, state.users[PEER].about], ["Mum", "new"]);
  const without = run([{ type: "contactRemoved", id: PEER }], state);
  assert.deepEqual([without.contacts, without.users[PEER].alias], [{}, undefined]);
  const renamed = run([{ type: "contact", item: item(PEER, "Mother") }], without);
  assert.equal(renamed.users[PEER].alias, "Mother");
});

test("an alias that another device removed is gone with the next list", () => {
  const state = run([
    { type: "contacts", items: [item(PEER, "Mum")] },
    { type: "contacts", items: [] },
  ]);
  assert.equal(state.users[PEER].alias, undefined);
});

test("blocks are added and removed", () => {
  const state = run([
    { type: "blocks", items: [{ user: user(PEER), blocked_at: "t" }] },
    { type: "blocked", id: "third", at: "u" },
    { type: "unblocked", id: PEER },
  ]);
  assert.deepEqual(state.blocks, { third: { blocked_at: "u" } });
});

test("a user is typing until they stop, or their message arrives", () => {
  const state = run([{ type: "conversation", conversation: conversation() }, typing(PEER, true), typing("third", true)]);
  assert.deepEqual(state.typing.c, [PEER, "third"]);
  assert.deepEqual(run([typing("third", false)], state).typing.c, [PEER]);
  assert.deepEqual(run([{ type: "message", message: message(1), created: true }], state).typing.c, ["third"]);
  assert.deepEqual(run([{ type: "message", message: message(1), created: false }], state).typing.c, [PEER, "third"]);
});

test("repeated typing, and the reader's own elsewhere, change nothing", () => {
  const state = run([typing(PEER, true)]);
  assert.equal(run([typing(PEER, true), typing(ME, true)], state), state);
});

test("the reader's profile is in the list of users without its private fields", () => {
  const profile = { ...user(ME), about: "here", email: "me@example.org", settings: { last_seen: "nobody" } };
  const state = run([{ type: "profile", profile }]);
  assert.equal(state.me.settings.last_seen, "nobody");
  assert.deepEqual(state.users[ME], { ...user(ME), about: "here" });
});

// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { initialState, reduce } from "../../client/state/reduce.js";
import { Store } from "../../client/state/store.js";
import { GroupDetails } from "../../client/sync/group-details.js";
import { group, ME, message, PEER, settled, syncReply, user } from "../fixtures.js";

const member = (id, role = "member") => ({ user: user(id), role, joined_at: "t" });
const systemMessage = (system) => message(2, { kind: "system", system });

/** A group whose members are loaded, on a server that notes what it is asked. */
async function setUp() {
  const asked = [];
  const held = group({ seq: 1 });
  const answers = { conversation: held, members: [member(ME, "owner"), member(PEER)], receipts: [] };
  const ask = (what) => async () => {
    asked.push(what);
    return answers[what];
  };
  const api = { conversation: ask("conversation"), members: ask("members"), receipts: ask("receipts") };
  const store = new Store(reduce, initialState(user(ME)));
  const live = { applyConversation: (conversation) => store.dispatch({ type: "conversation", conversation }) };
  live.applyConversation(held);
  const details = new GroupDetails({ store, api, live });
  await Promise.all([details.ensureMembers("c"), details.ensureMembers("c")]);
  return { asked, store, details };
}

test("members are loaded once, however many views need them", async () => {
  const { asked, store } = await setUp();
  assert.deepEqual(asked, ["members"]);
  assert.equal(store.state.members.c.length, 2);
});

test("a change of membership reloads the group and its members, a new title only the group", async () => {
  const { asked, details } = await setUp();
  details.onMessage(systemMessage({ type: "member_left", user_id: PEER }));
  await settled();
  assert.deepEqual(asked, ["members", "conversation", "members"]);
  details.onMessage(systemMessage({ type: "title_changed", title: "New" }));
  await settled();
  assert.deepEqual(asked.slice(3), ["conversation"]);
  details.onMessage(message(3));
  await settled();
  assert.equal(asked.length, 4);
});

test("many system messages at once cause at most two reloads", async () => {
  const { asked, details } = await setUp();
  for (let joined = 0; joined < 200; joined++) details.onMessage(systemMessage({ type: "members_added", user_ids: [PEER] }));
  details.onMessage(systemMessage({ type: "title_changed", title: "New" }));
  await settled();
  assert.deepEqual(asked.slice(1), ["conversation", "members", "conversation", "members"]);
  details.onMessage(systemMessage({ type: "title_changed", title: "Newer" }));
  details.onMessage(systemMessage({ type: "title_changed", title: "Newest" }));
  await settled();
  assert.deepEqual(asked.slice(5), ["conversation", "conversation"], "and again when more is told");
});

test("a change of membership is not lost behind a change of title", async () => {
  const { asked, details } = await setUp();
  details.onMessage(systemMessage({ type: "title_changed", title: "New" }));
  details.onMessage(systemMessage({ type: "member_left", user_id: PEER }));
  details.onMessage(systemMessage({ type: "title_changed", title: "Newer" }));
  await settled();
  assert.deepEqual(asked.slice(1), ["conversation", "conversation", "members"]);
});

test("receipts that a reset has dropped are loaded again with the others", async () => {
  const { asked, store, details } = await setUp();
  await details.loadReceipts("c");
  const held = store.state.conversations.c;
  store.dispatch({ type: "synced", reply: syncReply({ conversations: [held], positions: { c: 1 }, reset: ["c"] }) });
  assert.equal(store.state.receipts.c, undefined);
  details.refreshReceipts();
  await settled();
  assert.deepEqual([asked.slice(1), store.state.receipts.c], [["receipts", "receipts"], {}]);
});

test("one group does not wait for another", async () => {
  const { asked, details } = await setUp();
  details.onMessage(systemMessage({ type: "title_changed", title: "New" }));
  details.onMessage({ ...systemMessage({ type: "title_changed", title: "Other" }), conversation_id: "d" });
  assert.equal(asked.slice(1).length, 2);
});

test("a removed member requests nothing more of the group", async () => {
  const { asked, details } = await setUp();
  details.onMessage(systemMessage({ type: "member_removed", user_id: ME }));
  await settled();
  assert.deepEqual(asked, ["members"]);
});

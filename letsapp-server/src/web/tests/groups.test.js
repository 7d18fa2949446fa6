import assert from "node:assert/strict";
import test from "node:test";
import { Groups } from "../client/groups.js";
import { initial, reduce } from "../client/state/reduce.js";
import { Store } from "../client/store.js";
import { conversation, ME, message, PEER, settled, user } from "./fixtures.js";

const member = (id, role = "member") => ({ user: user(id), role, joined_at: "t" });
const told = (system) => message(2, { kind: "system", system });

/** A group whose members are loaded, on a server that notes what it is asked. */
async function group() {
  const asked = [];
  const held = conversation({ seq: 1, kind: "group", title: "All", peer: undefined, peer_receipt: undefined });
  const answers = { conversation: held, members: [member(ME, "owner"), member(PEER)], receipts: [] };
  const ask = (what) => async () => {
    asked.push(what);
    return answers[what];
  };
  const api = { conversation: ask("conversation"), members: ask("members"), receipts: ask("receipts") };
  const store = new Store(reduce, initial(user(ME)));
  const live = { meet: (met) => store.dispatch({ type: "conversation", conversation: met }) };
  live.meet(held);
  const groups = new Groups({ store, api, live });
  await Promise.all([groups.wantMembers("c"), groups.wantMembers("c")]);
  return { asked, store, groups };
}

test("however many views want the members, they are asked for once", async () => {
  const { asked, store } = await group();
  assert.deepEqual(asked, ["members"]);
  assert.equal(store.state.members.c.length, 2);
});

test("a change of membership brings what is shown up to date, a new title only the group", async () => {
  const { asked, groups } = await group();
  groups.told(told({ type: "member_left", user_id: PEER }));
  await settled();
  assert.deepEqual(asked, ["members", "conversation", "members"]);
  groups.told(told({ type: "title_changed", title: "New" }));
  await settled();
  assert.deepEqual(asked.slice(3), ["conversation"]);
  groups.told(message(3));
  await settled();
  assert.equal(asked.length, 4);
});

test("however much is told of a group at once, it is asked about twice at most", async () => {
  const { asked, groups } = await group();
  for (let joined = 0; joined < 200; joined++) groups.told(told({ type: "members_added", user_ids: [PEER] }));
  groups.told(told({ type: "title_changed", title: "New" }));
  await settled();
  assert.deepEqual(asked.slice(1), ["conversation", "members", "conversation", "members"]);
  groups.told(told({ type: "title_changed", title: "Newer" }));
  groups.told(told({ type: "title_changed", title: "Newest" }));
  await settled();
  assert.deepEqual(asked.slice(5), ["conversation", "conversation"], "and again when more is told");
});

test("a change of membership is not lost behind one of the title", async () => {
  const { asked, groups } = await group();
  groups.told(told({ type: "title_changed", title: "New" }));
  groups.told(told({ type: "member_left", user_id: PEER }));
  groups.told(told({ type: "title_changed", title: "Newer" }));
  await settled();
  assert.deepEqual(asked.slice(1), ["conversation", "conversation", "members"]);
});

test("one group does not wait for another", async () => {
  const { asked, groups } = await group();
  groups.told(told({ type: "title_changed", title: "New" }));
  groups.told({ ...told({ type: "title_changed", title: "Other" }), conversation_id: "d" });
  assert.equal(asked.slice(1).length, 2);
});

test("whoever is removed asks nothing more of the group", async () => {
  const { asked, groups } = await group();
  groups.told(told({ type: "member_removed", user_id: ME }));
  await settled();
  assert.deepEqual(asked, ["members"]);
});

// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../client/net/http.js";
import { leftGroups } from "../../client/state/conversations.js";
import { initialState, reduce, syncPositions } from "../../client/state/reduce.js";
import { Store } from "../../client/state/store.js";
import { LeftGroups } from "../../client/sync/left-groups.js";
import { conversation, group, leftGroup, ME, message, user } from "../fixtures.js";

/** A reader of two chats who has left two groups, on a server that answers with `listed`. */
function setUp() {
  const listed = [group({ id: "c", seq: 2 }), leftGroup({ id: "d", seq: 5 }), leftGroup({ id: "e" }), conversation({ id: "f" })];
  const api = {
    listed,
    asked: 0,
    async conversations() {
      api.asked++;
      return api.listed;
    },
    async unlist(id) {
      if (!api.listed.some((item) => item.id === id)) throw new Problem({ code: "not_found", status: 404 });
      api.listed = api.listed.filter((item) => item.id !== id);
    },
  };
  const store = new Store(reduce, initialState(user(ME)));
  for (const conversation of [listed[0], listed[3]]) store.dispatch({ type: "conversation", conversation });
  return { api, store, groups: new LeftGroups({ store, api }), shown: () => leftGroups(store.state)?.map(({ id }) => id) };
}

test("groups that the reader has left are listed once they are looked at, and not followed", async () => {
  const { api, store, groups, shown } = setUp();
  await groups.refresh();
  assert.deepEqual([api.asked, shown()], [0, undefined]);
  await groups.load();
  assert.deepEqual(shown(), ["d", "e"]);
  assert.deepEqual(syncPositions(store.state), { c: 2, f: 0 });
});

test("a group that is left meanwhile, or removed on another device, changes the list", async () => {
  const { api, store, groups, shown } = setUp();
  await groups.load();
  store.dispatch({ type: "left", id: "c" });
  api.listed = [leftGroup({ id: "c", seq: 2 }), api.listed[1]];
  await groups.refresh();
  assert.deepEqual(shown(), ["c", "d"]);
});

test("a removed group is gone with its messages, also one that was deleted meanwhile", async () => {
  const { api, store, groups, shown } = setUp();
  await groups.load();
  store.dispatch({ type: "historyRequested", conversation_id: "d", pending: "a" });
  const items = [message(5, { conversation_id: "d" })];
  store.dispatch({ type: "history", conversation_id: "d", pending: "a", items, reachedStart: true });
  api.listed = api.listed.filter(({ id }) => id !== "e");
  await groups.remove("d");
  await groups.remove("e");
  assert.deepEqual(shown(), []);
  assert.deepEqual([store.state.conversations.d, store.state.timelines.d], [undefined, undefined]);
});

test("a group that the reader has come back to meanwhile stays in the list of chats", async () => {
  const { api, store, groups, shown } = setUp();
  const held = api.listed[0];
  api.listed = [leftGroup({ id: "c", seq: 2 })];
  await groups.load();
  assert.deepEqual([shown(), store.state.conversations.c.left], [[], false]);
  store.dispatch({ type: "conversation", conversation: held });
  assert.deepEqual(shown(), []);
});

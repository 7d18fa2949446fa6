// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { initialState, reduce } from "../../client/state/reduce.js";
import { Store } from "../../client/state/store.js";
import { Presence } from "../../client/sync/presence.js";
import { ME, PEER, settled, user } from "../fixtures.js";

function watcher() {
  const asked = [];
  const store = new Store(reduce, initialState(user(ME)));
  const request = async ({ user_ids }) => {
    asked.push(user_ids);
    return { items: user_ids.map((user_id) => ({ user_id, status: "online", last_seen_at: null })) };
  };
  return { asked, store, presence: new Presence({ store, request }) };
}

test("users shown together are watched by one request, later ones in addition", async () => {
  const { asked, store, presence } = watcher();
  presence.resume();
  presence.watch([PEER]);
  presence.watch(["third", PEER]);
  await settled();
  presence.watch([PEER]);
  await settled();
  assert.deepEqual(asked, [[PEER, "third"]]);
  presence.watch([PEER, "fourth"]);
  await settled();
  assert.deepEqual(asked.slice(1), [["fourth"]]);
  assert.equal(store.state.presence[PEER].status, "online");
});

test("a new connection watches all users again, and a lost one clears presence", async () => {
  const { asked, store, presence } = watcher();
  presence.watch([PEER]);
  await settled();
  assert.deepEqual(asked, []);
  presence.resume();
  await settled();
  presence.pause();
  assert.deepEqual(store.state.presence, {});
  presence.resume();
  await settled();
  assert.deepEqual(asked, [[PEER], [PEER]]);
});

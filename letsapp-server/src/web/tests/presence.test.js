import assert from "node:assert/strict";
import test from "node:test";
import { Presence } from "../client/presence.js";
import { initial, reduce } from "../client/state/reduce.js";
import { Store } from "../client/store.js";
import { ME, PEER, settled, user } from "./fixtures.js";

function watcher() {
  const asked = [];
  const store = new Store(reduce, initial(user(ME)));
  const request = async ({ user_ids }) => {
    asked.push(user_ids);
    return { items: user_ids.map((user_id) => ({ user_id, status: "online", last_seen_at: null })) };
  };
  return { asked, store, presence: new Presence({ store, request }) };
}

test("those who are shown together are asked for together, others beside them", async () => {
  const { asked, store, presence } = watcher();
  presence.open();
  presence.want([PEER]);
  presence.want(["third", PEER]);
  await settled();
  presence.want([PEER]);
  await settled();
  assert.deepEqual(asked, [[PEER, "third"]]);
  presence.want([PEER, "fourth"]);
  await settled();
  assert.deepEqual(asked.slice(1), [["fourth"]]);
  assert.equal(store.state.presence[PEER].status, "online");
});

test("a new connection asks for everyone again, a lost one knows nothing", async () => {
  const { asked, store, presence } = watcher();
  presence.want([PEER]);
  await settled();
  assert.deepEqual(asked, []);
  presence.open();
  await settled();
  presence.close();
  assert.deepEqual(store.state.presence, {});
  presence.open();
  await settled();
  assert.deepEqual(asked, [[PEER], [PEER]]);
});

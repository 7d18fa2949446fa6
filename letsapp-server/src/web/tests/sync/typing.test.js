// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { initialState, reduce } from "../../client/state/reduce.js";
import { Store } from "../../client/state/store.js";
import { Typing } from "../../client/sync/typing.js";
import { ME, PEER, user } from "../fixtures.js";

function typist(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const reported = [];
  const store = new Store(reduce, initialState(user(ME)));
  const typing = new Typing({ store, request: async ({ typing: now }) => void reported.push(now) });
  return { reported, store, typing };
}

test("typing is reported at most once every three seconds", (t) => {
  const { reported, typing } = typist(t);
  for (let key = 0; key < 14; key++) {
    typing.onInput("c");
    t.mock.timers.tick(500);
  }
  assert.deepEqual(reported, [true, true, true]);
});

test("a pause is reported once as having stopped", (t) => {
  const { reported, typing } = typist(t);
  typing.onInput("c");
  t.mock.timers.tick(3_999);
  assert.deepEqual(reported, [true]);
  t.mock.timers.tick(1);
  assert.deepEqual(reported, [true, false]);
  typing.stop("c");
  assert.deepEqual(reported, [true, false]);
});

test("sending a message ends typing without a report", (t) => {
  const { reported, typing } = typist(t);
  typing.onInput("c");
  typing.onSent("c");
  t.mock.timers.tick(10_000);
  assert.deepEqual(reported, [true]);
  typing.onInput("c");
  assert.deepEqual(reported, [true, true]);
});

test("typing whose end got lost expires", (t) => {
  const { store, typing } = typist(t);
  const applyEvent = (now) => typing.onEvent({ conversation_id: "c", user_id: PEER, typing: now });
  applyEvent(true);
  t.mock.timers.tick(7_000);
  applyEvent(true);
  t.mock.timers.tick(7_000);
  assert.deepEqual(store.state.typing.c, [PEER]);
  t.mock.timers.tick(500);
  assert.deepEqual(store.state.typing.c, []);
});

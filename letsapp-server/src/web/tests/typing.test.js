import assert from "node:assert/strict";
import test from "node:test";
import { initial, reduce } from "../client/state/reduce.js";
import { Store } from "../client/store.js";
import { Typing } from "../client/typing.js";
import { ME, PEER, user } from "./fixtures.js";

function typist(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const told = [];
  const store = new Store(reduce, initial(user(ME)));
  const typing = new Typing({ store, request: async ({ typing: now }) => void told.push(now) });
  return { told, store, typing };
}

test("many keys are told once every three seconds", (t) => {
  const { told, typing } = typist(t);
  for (let key = 0; key < 14; key++) {
    typing.wrote("c");
    t.mock.timers.tick(500);
  }
  assert.deepEqual(told, [true, true, true]);
});

test("a pause says that nobody writes any more, once", (t) => {
  const { told, typing } = typist(t);
  typing.wrote("c");
  t.mock.timers.tick(3_999);
  assert.deepEqual(told, [true]);
  t.mock.timers.tick(1);
  assert.deepEqual(told, [true, false]);
  typing.stopped("c");
  assert.deepEqual(told, [true, false]);
});

test("what is sent needs no word of its own", (t) => {
  const { told, typing } = typist(t);
  typing.wrote("c");
  typing.sent("c");
  t.mock.timers.tick(10_000);
  assert.deepEqual(told, [true]);
  typing.wrote("c");
  assert.deepEqual(told, [true, true]);
});

test("somebody whose end of writing is lost is forgotten", (t) => {
  const { store, typing } = typist(t);
  const heard = (now) => typing.heard({ conversation_id: "c", user_id: PEER, typing: now });
  heard(true);
  t.mock.timers.tick(7_000);
  heard(true);
  t.mock.timers.tick(7_000);
  assert.deepEqual(store.state.typing.c, [PEER]);
  t.mock.timers.tick(500);
  assert.deepEqual(store.state.typing.c, []);
});

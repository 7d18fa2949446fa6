// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { initialState, reduce } from "../../client/state/reduce.js";
import { Store } from "../../client/state/store.js";
import { Acknowledger } from "../../client/sync/acknowledger.js";
import { Live } from "../../client/sync/live.js";
import { conversation, ME, message, settled, syncReply, user } from "../fixtures.js";

/** A socket whose requests are answered by hand. */
class FakeSocket extends EventTarget {
  isOpen = false;
  requests = [];

  fits() {
    return true;
  }

  request(op, data) {
    return new Promise((resolve, reject) => this.requests.push({ op, data, resolve, reject }));
  }

  open() {
    this.isOpen = true;
    this.dispatchEvent(new CustomEvent("open"));
  }

  event(event, data) {
    this.dispatchEvent(new CustomEvent("event", { detail: { event, data } }));
  }
}

async function connected(fields) {
  const socket = new FakeSocket();
  const store = new Store(reduce, initialState(user(ME)));
  const live = new Live({ store, socket, api: /** @type {any} */ ({}) });
  socket.open();
  await answer(socket, syncReply({ conversations: [conversation(fields)], positions: { c: fields.seq }, mark: "m1" }));
  return { socket, store, live };
}

async function answer(socket, reply) {
  socket.requests.at(-1).resolve(reply);
  await settled();
}

test("a reconnect asks for the changes since the last sync, by position", async () => {
  const { socket } = await connected({ seq: 2 });
  socket.event("message.created", message(3));
  socket.open();
  await settled();
  assert.deepEqual(socket.requests.at(-1).data, { conversations: { c: 3 }, since: "m1" });
});

test("events that arrive during a sync are applied after it, once", async () => {
  const { socket, store } = await connected({ seq: 2 });
  socket.event("resync", {});
  socket.event("message.created", message(3));
  socket.event("message.created", message(4));
  assert.equal(store.state.conversations.c.head.seq, 2);
  const reply = syncReply({ changes: [message(3)], conversations: [conversation({ seq: 3, unread: 1 })], positions: { c: 3 } });
  await answer(socket, reply);
  assert.deepEqual([store.state.conversations.c.head.seq, store.state.conversations.c.me.unread], [4, 2]);
});

test("only new messages are reported as created, not missed or changed ones", async () => {
  const { socket, live } = await connected({ seq: 2 });
  const created = [];
  live.addEventListener("created", (/** @type {any} */ { detail }) => created.push(detail.seq));
  socket.event("message.created", message(3));
  socket.event("message.updated", message(3, { rev: 4, body: "edited" }));
  socket.event("resync", {});
  await answer(socket, syncReply({ changes: [message(4, { rev: 5 })], positions: { c: 5 } }));
  assert.deepEqual(created, [3]);
});

test("the first message of an unknown conversation is reported once the conversation is known", async () => {
  const { socket, store, live } = await connected({ seq: 2 });
  const known = [];
  live.addEventListener("created", (/** @type {any} */ { detail }) =>
    known.push(store.state.conversations[detail.conversation_id].id),
  );
  socket.event("message.created", message(1, { conversation_id: "d" }));
  await answer(socket, syncReply({ conversations: [conversation({ id: "d", seq: 1, unread: 1 })], positions: { d: 1 } }));
  assert.deepEqual(known, ["d"]);
});

test("a gap is fetched after a second", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket } = await connected({ seq: 2 });
  const before = socket.requests.length;
  socket.event("message.created", message(4));
  t.mock.timers.tick(999);
  assert.equal(socket.requests.length, before);
  t.mock.timers.tick(1);
  assert.deepEqual(socket.requests.at(-1).data.conversations, { c: 2 });
});

test("a gap that closes by itself causes no request", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket } = await connected({ seq: 2 });
  const before = socket.requests.length;
  socket.event("message.created", message(4));
  socket.event("message.created", message(3));
  t.mock.timers.tick(1_000);
  assert.equal(socket.requests.length, before);
});

test("a sync asks again until there is no more", async () => {
  const { socket } = await connected({ seq: 2 });
  socket.event("resync", {});
  await answer(socket, syncReply({ positions: { c: 9 }, more: true, mark: "m2" }));
  assert.deepEqual(socket.requests.at(-1).data, { conversations: { c: 9 }, since: "m2" }, "with the mark of the part");
});

test("a conversation in which the client was ahead goes back to what the server has", async () => {
  const { socket, store } = await connected({ seq: 9 });
  socket.event("resync", {});
  await answer(socket, syncReply({ conversations: [conversation({ seq: 2 })], positions: { c: 2 }, reset: ["c"] }));
  assert.equal(store.state.conversations.c.head.seq, 2);
  socket.event("message.created", message(3));
  assert.equal(store.state.conversations.c.head.seq, 3);
  socket.open();
  await settled();
  assert.deepEqual(socket.requests.at(-1).data.conversations, { c: 3 });
});

test("after a restore everything is asked for anew, and what does not exist any more is dropped", async () => {
  const { socket, store } = await connected({ seq: 9 });
  socket.open();
  await settled();
  await answer(socket, syncReply({ epoch: "after the restore", positions: { c: 2 }, reset: ["c"] }));
  assert.deepEqual(socket.requests.at(-1).data, { conversations: {}, since: undefined });
  const restored = conversation({ seq: 2 });
  await answer(socket, syncReply({ epoch: "after the restore", conversations: [restored], positions: { c: 2 } }));
  assert.deepEqual([store.state.conversations.c.head.seq, store.state.ready], [2, true]);
  const before = socket.requests.length;
  socket.event("message.created", message(3));
  assert.deepEqual([store.state.conversations.c.head.seq, socket.requests.length], [3, before]);
});

test("a group that is removed is reported, and stays as it was", async () => {
  const { socket, store, live } = await connected({ seq: 2 });
  let removed = 0;
  live.addEventListener("removed", () => removed++);
  socket.event("conversation.removed", { id: "c" });
  assert.deepEqual([removed, store.state.conversations.c.left], [1, true]);
});

test("messages are acknowledged as delivered on arrival, and as read when seen", async () => {
  const { store } = await connected({ seq: 2 });
  const sent = [];
  const request = async (due) => {
    sent.push(due);
    const mark = due.read ?? due.delivered;
    return { delivered_seq: mark, read_seq: due.read ?? 0 };
  };
  const acknowledger = new Acknowledger({ store, request });
  acknowledger.resume();
  store.dispatch({ type: "message", message: message(3), created: true });
  await settled();
  acknowledger.markRead("c", 3);
  await settled();
  acknowledger.markRead("c", 2);
  await settled();
  assert.deepEqual(sent, [
    { conversation_id: "c", delivered: 3 },
    { conversation_id: "c", read: 3 },
  ]);
  assert.equal(store.state.conversations.c.me.unread, 0);
});

const accepted = async ({ read = 0, delivered = read }) => ({ delivered_seq: delivered, read_seq: read });

/** An acknowledger that is connected, and the receipts that it has sent. */
function acknowledging({ store, live }, request = accepted) {
  const sent = [];
  const note = (due) => {
    sent.push(due);
    return request(due);
  };
  const acknowledger = new Acknowledger({ store, request: note });
  live.addEventListener("reset", ({ detail }) => acknowledger.forget(detail));
  acknowledger.resume();
  return { acknowledger, sent };
}

/** Puts a conversation back from nine messages, all read, to two, by a sync that says so. */
async function goBack(socket, fields = {}) {
  const back = conversation({ seq: 2 });
  await answer(socket, syncReply({ conversations: [back], positions: { c: 2 }, reset: ["c"], ...fields }));
}

const RETURNS = {
  "a reset": (socket) => goBack(socket),
  "a restore": async (socket) => {
    await answer(socket, syncReply({ epoch: "after the restore" }));
    await goBack(socket, { epoch: "after the restore", reset: [] });
  },
};
for (const [name, begin] of Object.entries(RETURNS)) {
  test(`after ${name}, new messages are acknowledged and unread, whatever was read under the same numbers`, async () => {
    const { socket, store, live } = await connected({ seq: 9, unread: 9 });
    const { acknowledger, sent } = acknowledging({ store, live });
    acknowledger.markRead("c", 9);
    await settled();
    socket.open();
    await begin(socket);
    sent.length = 0;
    socket.event("message.created", message(3));
    await settled();
    assert.deepEqual(sent, [{ conversation_id: "c", delivered: 3 }]);
    assert.equal(store.state.conversations.c.me.unread, 1);
  });
}

test("the answer to a receipt from before a reset changes nothing", async () => {
  const { socket, store, live } = await connected({ seq: 9, unread: 9 });
  const answers = [];
  const { acknowledger } = acknowledging({ store, live }, () => new Promise((resolve) => answers.push(resolve)));
  acknowledger.markRead("c", 9);
  socket.open();
  await goBack(socket);
  answers[0]({ delivered_seq: 9, read_seq: 9 });
  await settled();
  assert.equal(store.state.conversations.c.me.read_seq, 2);
});

test("facts about a file that are found after its upload are kept", async () => {
  const { socket, store } = await connected({ seq: 1 });
  socket.event("media.ready", { id: "a", status: "ready", width: 4 });
  assert.equal(store.state.media.a?.width, 4);
});

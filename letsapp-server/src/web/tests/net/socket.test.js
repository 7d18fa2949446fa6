// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Socket } from "../../client/net/socket.js";
import { settled } from "../fixtures.js";

class FakeWebSocket {
  /** @type {FakeWebSocket[]} */
  static all = [];
  sent = [];
  closed = false;
  protocols = [];
  /** @type {(event: {data: string}) => void} */
  onmessage;
  /** @type {(event: {code: number}) => void} */
  onclose;

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    FakeWebSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  receive(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  greet() {
    this.receive({ event: "hello", data: { heartbeat_ms: 30_000, max_frame_bytes: 1_000 } });
  }
}

async function started(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  FakeWebSocket.all = [];
  const seen = [];
  let verified = 0;
  const socket = new Socket({
    url: "ws://here/v1/ws",
    token: async () => "secret",
    verify: async () => void verified++,
    WebSocket: /** @type {any} */ (FakeWebSocket),
  });
  for (const name of ["open", "close"]) socket.addEventListener(name, () => seen.push(name));
  socket.addEventListener("event", (/** @type {any} */ { detail }) => seen.push(detail.event));
  socket.start();
  await settled();
  t.after(() => socket.stop());
  return { socket, seen, verified: () => verified, connections: FakeWebSocket.all, last: () => FakeWebSocket.all.at(-1) };
}

async function pass(t, milliseconds) {
  t.mock.timers.tick(milliseconds);
  await settled();
}

test("the token is sent as a subprotocol, and the connection is open after hello", async (t) => {
  const { last, seen, socket } = await started(t);
  assert.deepEqual(last().protocols, ["letsapp.v1", "bearer.secret"]);
  assert.equal(socket.isOpen, false);
  last().greet();
  last().receive({ event: "message.created", data: {} });
  assert.deepEqual(seen, ["open", "message.created"]);
});

test("replies are matched to their requests in any order", async (t) => {
  const { last, socket } = await started(t);
  last().greet();
  const [one, two] = [socket.request("ping", {}), socket.request("typing", { conversation_id: "c", typing: true })];
  last().receive({ id: 2, error: { code: "forbidden", status: 403 } });
  last().receive({ id: 1, ok: "first" });
  assert.equal(await one, "first");
  await assert.rejects(two, { code: "forbidden" });
});

test("a lost connection fails the waiting requests, then reconnects", async (t) => {
  const { last, seen, socket, connections } = await started(t);
  last().greet();
  const request = socket.request("ping", {});
  last().onclose({ code: 1006 });
  await assert.rejects(request, { code: "offline" });
  await pass(t, 500);
  assert.equal(connections.length, 2);
  last().greet();
  assert.deepEqual(seen, ["open", "close", "open"]);
});

test("attempts to connect become rarer while the server doesn't answer", async (t) => {
  const { last, connections } = await started(t);
  for (let attempt = 0; attempt < 8; attempt++) {
    last().onclose({ code: 1006 });
    await pass(t, 30_000);
  }
  const before = connections.length;
  last().onclose({ code: 1006 });
  await pass(t, 14_900);
  assert.equal(connections.length, before);
  await pass(t, 15_100);
  assert.equal(connections.length, before + 1);
});

test("checking the connection connects at once", async (t) => {
  const { last, socket, connections } = await started(t);
  last().onclose({ code: 1006 });
  socket.checkNow();
  await settled();
  assert.equal(connections.length, 2);
});

test("after a refused handshake or an ended session the session is verified over HTTP", async (t) => {
  const { last, verified } = await started(t);
  last().onclose({ code: 1006 });
  assert.equal(verified(), 1);
  await pass(t, 500);
  last().greet();
  last().onclose({ code: 4001 });
  assert.equal(verified(), 2);
});

test("a dead network is noticed by a ping without a reply", async (t) => {
  const { last, seen, connections } = await started(t);
  last().greet();
  await pass(t, 30_000);
  assert.equal(last().sent[0].op, "ping");
  await pass(t, 5_000);
  assert.deepEqual(seen, ["open", "close"]);
  await pass(t, 500);
  assert.equal(connections.length, 2);
});

test("a ping that is answered keeps the connection", async (t) => {
  const { last, seen } = await started(t);
  last().greet();
  await pass(t, 30_000);
  last().receive({ id: last().sent[0].id, ok: {} });
  await settled();
  await pass(t, 29_000);
  assert.deepEqual(seen, ["open"]);
  await pass(t, 1_000);
  assert.equal(last().sent.length, 2);
});

test("a stopped socket makes no more attempts", async (t) => {
  const { last, socket, connections } = await started(t);
  last().greet();
  socket.stop();
  await pass(t, 60_000);
  assert.deepEqual([connections.length, last().closed], [1, true]);
});

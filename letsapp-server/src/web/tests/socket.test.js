import assert from "node:assert/strict";
import test from "node:test";
import { Socket } from "../client/socket.js";
import { settled } from "./fixtures.js";

class FakeWebSocket {
  static all = [];
  sent = [];

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
    WebSocket: FakeWebSocket,
  });
  for (const name of ["open", "close"]) socket.addEventListener(name, () => seen.push(name));
  socket.addEventListener("event", ({ detail }) => seen.push(detail.event));
  socket.start();
  await settled();
  t.after(() => socket.stop());
  return { socket, seen, verified: () => verified, connections: FakeWebSocket.all, last: () => FakeWebSocket.all.at(-1) };
}

async function pass(t, milliseconds) {
  t.mock.timers.tick(milliseconds);
  await settled();
}

test("the token travels as a subprotocol, and hello opens", async (t) => {
  const { last, seen, socket } = await started(t);
  assert.deepEqual(last().protocols, ["letsapp.v1", "bearer.secret"]);
  assert.equal(socket.isOpen, false);
  last().greet();
  last().receive({ event: "message.created", data: {} });
  assert.deepEqual(seen, ["open", "message.created"]);
});

test("replies find their requests in any order", async (t) => {
  const { last, socket } = await started(t);
  last().greet();
  const [one, two] = [socket.request("a", {}), socket.request("b", {})];
  last().receive({ id: 2, error: { code: "forbidden", status: 403 } });
  last().receive({ id: 1, ok: "first" });
  assert.equal(await one, "first");
  await assert.rejects(two, { code: "forbidden" });
});

test("a lost connection fails what waits for a reply, and comes back", async (t) => {
  const { last, seen, socket, connections } = await started(t);
  last().greet();
  const request = socket.request("a", {});
  last().onclose({ code: 1006 });
  await assert.rejects(request, { code: "offline" });
  await pass(t, 500);
  assert.equal(connections.length, 2);
  last().greet();
  assert.deepEqual(seen, ["open", "close", "open"]);
});

test("attempts come ever more rarely while nobody answers", async (t) => {
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

test("a nudge doesn't wait for the next attempt", async (t) => {
  const { last, socket, connections } = await started(t);
  last().onclose({ code: 1006 });
  socket.nudge();
  await settled();
  assert.equal(connections.length, 2);
});

test("a refused handshake and an ended session are looked into over HTTP", async (t) => {
  const { last, verified } = await started(t);
  last().onclose({ code: 1006 });
  assert.equal(verified(), 1);
  await pass(t, 500);
  last().greet();
  last().onclose({ code: 4001 });
  assert.equal(verified(), 2);
});

test("a network that fell silent is noticed by asking", async (t) => {
  const { last, seen, connections } = await started(t);
  last().greet();
  await pass(t, 30_000);
  assert.equal(last().sent[0].op, "ping");
  await pass(t, 5_000);
  assert.deepEqual(seen, ["open", "close"]);
  await pass(t, 500);
  assert.equal(connections.length, 2);
});

test("an answered heartbeat keeps the connection", async (t) => {
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

test("after stop there are no more attempts", async (t) => {
  const { last, socket, connections } = await started(t);
  last().greet();
  socket.stop();
  await pass(t, 60_000);
  assert.deepEqual([connections.length, last().closed], [1, true]);
});

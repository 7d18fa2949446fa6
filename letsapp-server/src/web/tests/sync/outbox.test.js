// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../client/net/http.js";
import { uuidv7 } from "../../client/net/ids.js";
import { Outbox } from "../../client/sync/outbox.js";
import { MemoryStorage, settled, SharedLocks } from "../fixtures.js";

/** An outbox whose sends are answered by hand: `sends[i].resolve(…)`, `sends[i].reject(…)`. */
function outbox({ storage = new MemoryStorage(), locks = new SharedLocks(), tab = uuidv7() } = {}) {
  const sends = [];
  const send = (item) =>
    new Promise((resolve, reject) => sends.push({ item, resolve: () => resolve({ ...item, seq: 1 }), reject }));
  const box = new Outbox({ userId: "me", storage, locks, send, tab });
  const shown = { items: [], sent: [] };
  box.addEventListener("change", (/** @type {any} */ { detail }) => (shown.items = detail));
  box.addEventListener("sent", (/** @type {any} */ { detail }) => shown.sent.push(detail.body));
  return { box, sends, shown, storage, locks };
}

const bodies = (sends) => sends.map(({ item }) => item.body);

test("messages of a conversation are sent one after the other, in the order they were written", async () => {
  const { box, sends, shown } = outbox();
  await box.resume();
  box.add("c", { body: "first" });
  box.add("c", { body: "second" });
  box.add("other", { body: "elsewhere" });
  await settled();
  assert.deepEqual(bodies(sends), ["first", "elsewhere"]);
  sends[0].resolve();
  await settled();
  assert.deepEqual(bodies(sends), ["first", "elsewhere", "second"]);
  assert.deepEqual(shown.sent, ["first"]);
});

test("messages written without a connection are sent once there is one", async () => {
  const { box, sends, shown } = outbox();
  box.add("c", { body: "later" });
  await settled();
  assert.deepEqual([bodies(sends), shown.items.map(({ status }) => status)], [[], ["waiting"]]);
  await box.resume();
  await settled();
  assert.deepEqual(bodies(sends), ["later"]);
});

test("a transient failure is retried with the same id", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { box, sends, shown } = outbox();
  await box.resume();
  box.add("c", { body: "hello" });
  sends[0].reject(new Problem({ code: "rate_limited", status: 429, retry_after: 3 }));
  await settled();
  t.mock.timers.tick(2_999);
  await settled();
  assert.equal(sends.length, 1);
  t.mock.timers.tick(1);
  await settled();
  assert.equal(sends[1].item.id, sends[0].item.id);
  sends[1].resolve();
  await settled();
  assert.deepEqual(shown, { items: [], sent: ["hello"] });
});

test("a retried message keeps its reply and its mentions", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { box, sends, shown } = outbox();
  await box.resume();
  box.add("c", { body: "yes @ben", reply_to: 3, mentions: ["2"] });
  sends[0].reject(new Problem({ code: "rate_limited", status: 429, retry_after: 1 }));
  await settled();
  assert.equal(shown.items[0].slowed, true);
  t.mock.timers.tick(1_000);
  await settled();
  for (const { item } of sends) assert.deepEqual([item.body, item.reply_to, item.mentions], ["yes @ben", 3, ["2"]]);
  assert.equal(sends.length, 2);
});

test("a refused message stays with the reason until it is retried or discarded", async () => {
  const { box, sends, shown, storage } = outbox();
  await box.resume();
  box.add("c", { body: "hello" });
  sends[0].reject(new Problem({ code: "forbidden", status: 403, detail: "You may not." }));
  await settled();
  assert.deepEqual(
    shown.items.map(({ status, error }) => [status, error]),
    [["failed", "You can’t write to this conversation."]],
  );
  box.retry(sends[0].item.id);
  await settled();
  assert.equal(sends[1].item.id, sends[0].item.id);
  box.remove(sends[0].item.id);
  assert.deepEqual([shown.items, storage.length], [[], 0]);
});

test("messages left by a closed page are sent after a reload, with the same ids", async () => {
  const before = outbox();
  before.box.add("c", { body: "unsent" });
  const { id } = before.shown.items[0];
  before.locks.releaseAll();
  const after = outbox(before);
  await after.box.resume();
  await settled();
  assert.deepEqual(
    after.sends.map(({ item }) => [item.id, item.body]),
    [[id, "unsent"]],
  );
  after.sends[0].resolve();
  await settled();
  assert.equal(before.storage.length, 0);
});

test("messages of an open tab are left to that tab", async () => {
  const one = outbox();
  await settled();
  one.box.add("c", { body: "mine" });
  const other = outbox(one);
  await other.box.resume();
  await settled();
  assert.deepEqual(other.sends, []);
});

test("signing in again in the same page sends the waiting messages", async () => {
  const tab = uuidv7();
  const before = outbox({ tab });
  await settled();
  before.box.add("c", { body: "unsent" });
  const after = outbox({ ...before, tab });
  await after.box.resume();
  await settled();
  assert.deepEqual(bodies(after.sends), ["unsent"]);
});

test("signing out removes the messages of all tabs", async () => {
  const one = outbox();
  one.box.add("c", { body: "mine" });
  const other = outbox(one);
  other.box.add("c", { body: "theirs" });
  other.box.clear();
  assert.equal(one.storage.length, 0);
});

import assert from "node:assert/strict";
import test from "node:test";
import { asked, covers, EMPTY, page, place, put, refused } from "../client/state/timeline.js";
import { ME, message } from "./fixtures.js";

const seqs = ({ messages }) => messages.map(({ seq }) => seq);
const loaded = (items, reachedStart = false) => page(asked(EMPTY, "a"), "a", { items, reachedStart }, ME);

test("pages of history join in the order of seq", () => {
  const first = loaded([message(6), message(5)]);
  const second = page(asked(first, "b"), "b", { items: [message(4), message(3)], reachedStart: true }, ME);
  assert.deepEqual(seqs(second), [3, 4, 5, 6]);
  assert.equal(second.reachedStart, true);
});

test("a page that nobody waits for any more is dropped", () => {
  const waiting = asked(EMPTY, "newer");
  assert.equal(page(waiting, "older", { items: [message(1)], reachedStart: true }, ME), waiting);
});

test("a message that comes while the first page is under way is kept", () => {
  const live = put(asked(EMPTY, "a"), message(7), ME);
  assert.deepEqual(seqs(page(live, "a", { items: [message(6)], reachedStart: false }, ME)), [6, 7]);
});

test("nothing is kept of a chat that was never opened", () => {
  assert.equal(put(EMPTY, message(7), ME), EMPTY);
});

test("a change of a message older than what is loaded is left to history", () => {
  const timeline = loaded([message(6), message(5)]);
  assert.equal(put(timeline, message(2, { rev: 9 }), ME), timeline);
});

test("an older state of a message never replaces a newer one", () => {
  const edited = put(loaded([message(5)]), message(5, { rev: 9, body: "edited" }), ME);
  assert.equal(put(edited, message(5, { rev: 7, body: "late" }), ME).messages[0].body, "edited");
});

test("a page that failed can be asked for again", () => {
  const failed = refused(asked(EMPTY, "a"), "a");
  assert.equal(failed.status, "failed");
  assert.deepEqual(seqs(page(asked(failed, "b"), "b", { items: [message(1)], reachedStart: true }, ME)), [1]);
  const older = refused(asked(loaded([message(5)]), "b"), "b");
  assert.deepEqual([older.status, older.asking], ["ready", null]);
});

test("the reader's own reaction is told from who reacted", () => {
  const event = message(5, { rev: 9, reactions: [{ emoji: "🔥", count: 1, user_ids: [ME] }] });
  assert.equal(put(loaded([message(5)]), event, ME).messages[0].my_reaction, "🔥");
});

test("the reader's own reaction stays where too many have reacted to name them all", () => {
  const mine = loaded([message(5, { my_reaction: "🔥", reactions: [] })]);
  const crowded = message(5, { rev: 9, reactions: [{ emoji: "🔥", count: 30, user_ids: ["a", "b"] }] });
  const gone = message(5, { rev: 10, reactions: [{ emoji: "🔥", count: 2, user_ids: ["a", "b"] }] });
  assert.equal(put(mine, crowded, ME).messages[0].my_reaction, "🔥");
  assert.equal(put(mine, gone, ME).messages[0].my_reaction, null);
});

test("what follows a message is covered only from the oldest loaded one on", () => {
  assert.equal(covers(loaded([message(6), message(5)]), 4), true);
  assert.equal(covers(loaded([message(6), message(5)]), 3), false);
  assert.equal(covers(loaded([message(6)], true), 0), true);
});

test("far from the newest, only what lies between the messages at hand is taken", () => {
  const around = { items: [message(6), message(5), message(7)], reachedStart: false, reachedEnd: false };
  const far = place(asked(EMPTY, "a"), "a", around, ME);
  assert.deepEqual(seqs(far), [5, 6, 7]);
  assert.equal(put(far, message(20), ME), far);
  assert.equal(put(far, message(6, { rev: 30, body: "edited" }), ME).messages[1].body, "edited");
  assert.equal(covers(far, 4), false);
});

test("a place that touches the messages at hand joins them, another one replaces them", () => {
  const near = loaded([message(21), message(20)]);
  const at = (...items) => ({ items: items.map((seq) => message(seq)), reachedStart: false, reachedEnd: false });
  const joined = place(asked(near, "b"), "b", at(19, 18), ME);
  assert.deepEqual([seqs(joined), joined.reachedEnd], [[18, 19, 20, 21], true]);
  const replaced = place(asked(near, "b"), "b", at(10, 11), ME);
  assert.deepEqual([seqs(replaced), replaced.reachedEnd], [[10, 11], false]);
});

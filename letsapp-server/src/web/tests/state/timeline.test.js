// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { applyMessage, EMPTY, failPage, hasAllAfter, mergeAround, mergePage, requestPage } from "../../client/state/timeline.js";
import { ME, message } from "../fixtures.js";

const seqs = ({ messages }) => messages.map(({ seq }) => seq);
const loaded = (items, reachedStart = false) => mergePage(requestPage(EMPTY, "a"), "a", { items, reachedStart }, ME);

test("pages of history are joined in the order of seq", () => {
  const first = loaded([message(6), message(5)]);
  const second = mergePage(requestPage(first, "b"), "b", { items: [message(4), message(3)], reachedStart: true }, ME);
  assert.deepEqual(seqs(second), [3, 4, 5, 6]);
  assert.equal(second.reachedStart, true);
});

test("a page that is no longer wanted is dropped", () => {
  const waiting = requestPage(EMPTY, "newer");
  assert.equal(mergePage(waiting, "older", { items: [message(1)], reachedStart: true }, ME), waiting);
});

test("a message that arrives before the first page is kept", () => {
  const live = applyMessage(requestPage(EMPTY, "a"), message(7), ME);
  assert.deepEqual(seqs(mergePage(live, "a", { items: [message(6)], reachedStart: false }, ME)), [6, 7]);
});

test("a chat that was never opened keeps no messages", () => {
  assert.equal(applyMessage(EMPTY, message(7), ME), EMPTY);
});

test("a change of a message older than the loaded ones is ignored", () => {
  const timeline = loaded([message(6), message(5)]);
  assert.equal(applyMessage(timeline, message(2, { rev: 9 }), ME), timeline);
});

test("an outdated state of a message doesn't replace a newer one", () => {
  const edited = applyMessage(loaded([message(5)]), message(5, { rev: 9, body: "edited" }), ME);
  assert.equal(applyMessage(edited, message(5, { rev: 7, body: "late" }), ME).messages[0].body, "edited");
});

test("a page that failed can be requested again", () => {
  const failed = failPage(requestPage(EMPTY, "a"), "a");
  assert.equal(failed.status, "failed");
  assert.deepEqual(seqs(mergePage(requestPage(failed, "b"), "b", { items: [message(1)], reachedStart: true }, ME)), [1]);
  const older = failPage(requestPage(loaded([message(5)]), "b"), "b");
  assert.deepEqual([older.status, older.pending], ["ready", null]);
});

test("the reader's own reaction is derived from who reacted", () => {
  const event = message(5, { rev: 9, reactions: [{ emoji: "🔥", count: 1, user_ids: [ME] }] });
  assert.equal(applyMessage(loaded([message(5)]), event, ME).messages[0].my_reaction, "🔥");
});

test("the reader's own reaction stays when too many users reacted to name them all", () => {
  const mine = loaded([message(5, { my_reaction: "🔥", reactions: [] })]);
  const crowded = message(5, { rev: 9, reactions: [{ emoji: "🔥", count: 30, user_ids: ["a", "b"] }] });
  const gone = message(5, { rev: 10, reactions: [{ emoji: "🔥", count: 2, user_ids: ["a", "b"] }] });
  assert.equal(applyMessage(mine, crowded, ME).messages[0].my_reaction, "🔥");
  assert.equal(applyMessage(mine, gone, ME).messages[0].my_reaction, null);
});

test("all messages after one are loaded only from the oldest loaded one on", () => {
  assert.equal(hasAllAfter(loaded([message(6), message(5)]), 4), true);
  assert.equal(hasAllAfter(loaded([message(6), message(5)]), 3), false);
  assert.equal(hasAllAfter(loaded([message(6)], true), 0), true);
});

test("after a jump far back, messages outside of the loaded ones are ignored", () => {
  const around = { items: [message(6), message(5), message(7)], reachedStart: false, reachedEnd: false };
  const far = mergeAround(requestPage(EMPTY, "a"), "a", around, ME);
  assert.deepEqual(seqs(far), [5, 6, 7]);
  assert.equal(applyMessage(far, message(20), ME), far);
  assert.equal(applyMessage(far, message(6, { rev: 30, body: "edited" }), ME).messages[1].body, "edited");
  assert.equal(hasAllAfter(far, 4), false);
});

test("messages around a target join adjoining ones, and replace others", () => {
  const near = loaded([message(21), message(20)]);
  const at = (...items) => ({ items: items.map((seq) => message(seq)), reachedStart: false, reachedEnd: false });
  const joined = mergeAround(requestPage(near, "b"), "b", at(19, 18), ME);
  assert.deepEqual([seqs(joined), joined.reachedEnd], [[18, 19, 20, 21], true]);
  const replaced = mergeAround(requestPage(near, "b"), "b", at(10, 11), ME);
  assert.deepEqual([seqs(replaced), replaced.reachedEnd], [[10, 11], false]);
});

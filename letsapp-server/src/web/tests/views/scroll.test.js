// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import * as scroll from "../../client/views/scroll.js";

const { STEP, WINDOW } = scroll;

/** Messages with the numbers from `first` to `last`. */
const messages = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => ({ seq: first + i }));
const seqs = (shown) => (shown.length > 0 ? [shown[0].seq, shown.at(-1).seq, shown.length] : []);
const loaded = messages(101, 1_100);

test("a chat opens with its newest messages", () => {
  assert.deepEqual(scroll.newestWindow(loaded), { from: 951, to: null });
  assert.deepEqual(scroll.newestWindow(messages(5, 20)), { from: 5, to: null });
  assert.deepEqual(scroll.newestWindow([]), { from: 0, to: null });
});

test("a window without an end contains the messages that come in", () => {
  const window = scroll.newestWindow(loaded);
  assert.deepEqual(seqs(scroll.messagesIn(messages(101, 1_103), window)), [951, 1_103, WINDOW + 3]);
  assert.deepEqual(seqs(scroll.messagesIn(loaded, { from: 200, to: 249 })), [200, 249, 50]);
});

test("a jump puts its target into the middle of a full window", () => {
  assert.deepEqual(scroll.windowAround(loaded, 600), { from: 525, to: 674 });
  assert.deepEqual(scroll.windowAround(loaded, 103), { from: 101, to: 250 }, "near the start");
  assert.deepEqual(scroll.windowAround(loaded, 1_095), { from: 951, to: null }, "near the end");
  assert.equal(scroll.windowAround(loaded, 50), null, "not loaded");
});

test("scrolling up moves the window by a step, to the first loaded message at most", () => {
  const moved = scroll.olderWindow(loaded, scroll.newestWindow(loaded));
  assert.deepEqual(moved, { from: 951 - STEP, to: 1_100 - STEP });
  assert.deepEqual(scroll.olderWindow(loaded, { from: 120, to: 269 }), { from: 101, to: 250 });
  assert.equal(scroll.olderWindow(loaded, { from: 101, to: 250 }), null);
  assert.equal(scroll.olderWindow([], { from: 0, to: null }), null);
});

test("scrolling down moves the window by a step, until it has no end", () => {
  assert.deepEqual(scroll.newerWindow(loaded, { from: 101, to: 250 }), { from: 151, to: 300 });
  assert.deepEqual(scroll.newerWindow(loaded, { from: 920, to: 1_069 }), { from: 951, to: null });
  assert.equal(scroll.newerWindow(loaded, { from: 951, to: null }), null);
});

test("scrolling up and down again returns to the same messages", () => {
  const start = scroll.newestWindow(loaded);
  const up = scroll.olderWindow(loaded, scroll.olderWindow(loaded, start));
  assert.deepEqual(scroll.newerWindow(loaded, scroll.newerWindow(loaded, up)), start);
});

test("a window that has grown is trimmed, though not at every message", () => {
  assert.equal(scroll.trimmedWindow(loaded, { from: 901, to: null }), null);
  assert.deepEqual(scroll.trimmedWindow(loaded, { from: 900, to: null }), { from: 951, to: null });
});

test("the bottom is reached within a few pixels", () => {
  const view = { scrollHeight: 5_000, clientHeight: 600 };
  assert.equal(scroll.isAtBottom({ ...view, scrollTop: 4_400 }), true);
  assert.equal(scroll.isAtBottom({ ...view, scrollTop: 4_353 }), true);
  assert.equal(scroll.isAtBottom({ ...view, scrollTop: 4_352 }), false);
});

test("messages are wanted near an edge, older ones first", () => {
  const view = { scrollHeight: 5_000, clientHeight: 600 };
  assert.equal(scroll.nearEdge({ ...view, scrollTop: 699 }), "older");
  assert.equal(scroll.nearEdge({ ...view, scrollTop: 700 }), null);
  assert.equal(scroll.nearEdge({ ...view, scrollTop: 3_700 }), null);
  assert.equal(scroll.nearEdge({ ...view, scrollTop: 3_701 }), "newer");
  assert.equal(scroll.nearEdge({ scrollHeight: 300, clientHeight: 600, scrollTop: 0 }), "older", "a chat that fits the view");
});

test("the view follows new messages at the bottom, and stays where it is elsewhere", () => {
  const anchor = { connected: true };
  const gone = { connected: false };
  /** @type {[string, Parameters<typeof scroll.stickTo>[0], string | null][]} */
  const table = [
    ["at the bottom", { anchor: null, following: true, sent: false }, "bottom"],
    ["scrolled up", { anchor, following: true, sent: false }, "anchor"],
    ["far back, where newer messages aren't shown", { anchor, following: false, sent: false }, "anchor"],
    ["scrolled up, after sending", { anchor, following: true, sent: true }, "bottom"],
    ["with an anchor that left the document", { anchor: gone, following: true, sent: false }, "bottom"],
    ["far back, with an anchor that left the document", { anchor: gone, following: false, sent: false }, null],
  ];
  for (const [where, update, expected] of table) assert.equal(scroll.stickTo(update), expected, where);
});

test("the anchor keeps its place when messages are added above it", () => {
  // Twenty rows of 60 pixels come in above, so the browser draws the anchor 1,200 pixels lower.
  const scrollTop = scroll.anchoredScrollTop(300, 80, 80 + 1_200);
  assert.equal(scrollTop, 1_500);
  assert.equal(scroll.anchoredScrollTop(1_500, 80, 80), 1_500, "messages below change nothing");
});

test("the unread divider is shown a quarter down the view", () => {
  assert.equal(scroll.dividerScrollTop(2_000, 800), 1_800);
});

test("a message is visible once enough of it is in view", () => {
  // Rows of 60 pixels in a view from 100 to 400.
  const boxOf = (row) => ({ top: 100 + row * 60 - 90, bottom: 160 + row * 60 - 90 });
  const rows = [0, 1, 2, 3, 4, 5, 6, 7];
  assert.equal(scroll.firstVisible(rows, boxOf, 100), 1, "half of it is enough to hold on to");
  assert.equal(scroll.lastVisible(rows, boxOf, 400), 6);
  assert.equal(scroll.lastVisible(rows, boxOf, 387), 6);
  assert.equal(scroll.lastVisible(rows, boxOf, 386), 5, "16 pixels of it can't be read");
  assert.equal(scroll.firstVisible([], boxOf, 100), undefined);
});

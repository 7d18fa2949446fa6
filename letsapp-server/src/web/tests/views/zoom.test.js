// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { moved, swiped, toggled, WHOLE, zoomed } from "../../client/views/zoom.js";

const FRAME = { width: 400, height: 200 };

test("the point under the pointer stays where it is", () => {
  const point = { x: 50, y: -20 };
  const view = zoomed(WHOLE, 2, FRAME, point);
  assert.deepEqual(view, { scale: 2, x: -50, y: 20 });
  // The point of the picture that was under the pointer, before and after.
  assert.deepEqual({ x: view.x + 2 * point.x, y: view.y + 2 * point.y }, point);
});

test("a picture is never smaller than whole nor larger than eight times", () => {
  assert.deepEqual(zoomed(WHOLE, 0.5, FRAME), WHOLE);
  assert.equal(zoomed(WHOLE, 100, FRAME).scale, 8);
  const back = zoomed(zoomed(WHOLE, 3, FRAME, { x: 90, y: 9 }), 1 / 3, FRAME, { x: -90, y: 0 });
  assert.deepEqual(back, WHOLE);
});

test("a zoomed picture moves as far as its edges", () => {
  const view = zoomed(WHOLE, 2, FRAME);
  assert.deepEqual(moved(view, { x: 30, y: 10 }, FRAME), { scale: 2, x: 30, y: 10 });
  assert.deepEqual(moved(view, { x: 900, y: -900 }, FRAME), { scale: 2, x: 200, y: -100 });
  assert.deepEqual(moved(WHOLE, { x: 30, y: 10 }, FRAME), WHOLE);
});

test("a double click zooms in, and back out", () => {
  const view = toggled(WHOLE, FRAME, { x: 0, y: 0 });
  assert.equal(view.scale, 2.5);
  assert.deepEqual(toggled(view, FRAME, { x: 5, y: 5 }), WHOLE);
});

test("a movement mostly across is a swipe", () => {
  /** @type {[{x: number, y: number}, number][]} */
  const table = [[{ x: -80, y: 10 }, 1], [{ x: 80, y: 10 }, -1], [{ x: 40, y: 0 }, 0], [{ x: -80, y: 60 }, 0], [{ x: 0, y: Infinity }, 0]];
  for (const [by, step] of table) assert.equal(swiped(by), step);
});

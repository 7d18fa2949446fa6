// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { CENTRE, LARGEST, moved, scaled, shownSize, squareOf } from "../../client/views/crop.js";

/** Twice as wide as high. */
const WIDE = { width: 1_600, height: 800 };
const HIGH = { width: 600, height: 900 };

test("at first the largest square in the middle is cut", () => {
  assert.deepEqual(squareOf(CENTRE, WIDE), { x: 400, y: 0, side: 800 });
  assert.deepEqual(squareOf(CENTRE, HIGH), { x: 0, y: 150, side: 600 });
  assert.deepEqual(shownSize(CENTRE, WIDE), { width: 2, height: 1 });
});

test("a picture is moved as far as its edges, and never shows what is beyond them", () => {
  assert.deepEqual(squareOf(moved(CENTRE, { x: 0.25, y: 0.9 }, WIDE), WIDE), { x: 200, y: 0, side: 800 });
  assert.deepEqual(squareOf(moved(CENTRE, { x: 9, y: 9 }, WIDE), WIDE), { x: 0, y: 0, side: 800 });
  assert.deepEqual(squareOf(moved(CENTRE, { x: -9, y: 0 }, WIDE), WIDE), { x: 800, y: 0, side: 800 });
});

test("scaling keeps what is under the pointer, and the frame full", () => {
  const point = { x: 0.25, y: -0.25 };
  const pixel = (cut) => {
    const { x, y, side } = squareOf(cut, WIDE);
    return [x + (point.x + 0.5) * side, y + (point.y + 0.5) * side];
  };
  const closer = scaled(CENTRE, 2, WIDE, point);
  assert.deepEqual(pixel(closer), pixel(CENTRE));
  assert.equal(squareOf(closer, WIDE).side, 400);
  const corner = moved(closer, { x: 9, y: 9 }, WIDE);
  assert.deepEqual(squareOf(scaled(corner, 1, WIDE), WIDE).y, 0);
});

test("a picture is never smaller than the frame, nor larger than four times", () => {
  assert.deepEqual(scaled(CENTRE, 0.2, HIGH), CENTRE);
  assert.equal(scaled(CENTRE, 99, HIGH).scale, LARGEST);
});

test("every cut lies within its picture", () => {
  let cut = CENTRE;
  for (let step = 0; step < 500; step++) {
    const [a, b] = [Math.sin(step * 12.9) * 2, Math.cos(step * 78.2) * 2];
    cut = step % 2 ? moved(cut, { x: a, y: b }, HIGH) : scaled(cut, 1 + Math.abs(a) * 2, HIGH, { x: a / 4, y: b / 4 });
    const { x, y, side } = squareOf(cut, HIGH);
    assert.ok(x > -1e-6 && y > -1e-6 && x + side < HIGH.width + 1e-6 && y + side < HIGH.height + 1e-6, `${x} ${y} ${side}`);
  }
});

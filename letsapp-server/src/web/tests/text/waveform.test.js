// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { levelOf, waveformOf } from "../../client/text/waveform.js";

test("the level of silence is zero and that of the loudest sound is one", () => {
  assert.equal(levelOf(new Float32Array(128)), 0);
  assert.equal(levelOf([]), 0);
  assert.equal(levelOf([1, -1, 1, -1]), 1);
  const quiet = levelOf([0.05, -0.05]);
  assert.ok(quiet > 0.4 && quiet < 0.6, String(quiet));
});

test("a waveform has 64 points from 0 to 100, relative to the loudest moment", () => {
  const levels = Array.from({ length: 640 }, (_, i) => (i === 325 ? 0.5 : 0.25));
  const points = waveformOf(levels);
  assert.equal(points.length, 64);
  assert.deepEqual([points[0], points[32], points[63]], [50, 100, 50]);
  assert.ok(points.every(Number.isInteger));
});

test("a recording of a few moments, of none and of silence has a waveform too", () => {
  assert.deepEqual(waveformOf([0.5, 1]), [...Array(32).fill(50), ...Array(32).fill(100)]);
  assert.deepEqual(waveformOf([]), Array(64).fill(0));
  assert.deepEqual(waveformOf([0, 0]), Array(64).fill(0));
});

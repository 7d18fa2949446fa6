import assert from "node:assert/strict";
import test from "node:test";
import { holed, jump, known, learn } from "../client/state/revs.js";

test("changes in order leave no hole", () => {
  const revs = [4, 5, 6].reduce(learn, jump(undefined, 3));
  assert.deepEqual(revs, { at: 6, ahead: [] });
  assert.equal(holed(revs, 6), false);
});

test("a skipped change is a hole until it comes", () => {
  const skipped = [5, 7].reduce(learn, jump(undefined, 3));
  assert.equal(holed(skipped, 7), true);
  assert.deepEqual([6, 4].reduce(learn, skipped), { at: 7, ahead: [] });
});

test("a head beyond what is known is a hole", () => {
  assert.equal(holed(jump(undefined, 3), 4), true);
});

test("a change is known once, whether in order or ahead", () => {
  const revs = learn(jump(undefined, 3), 5);
  assert.deepEqual(
    [2, 3, 4, 5].map((rev) => known(revs, rev)),
    [true, true, false, true],
  );
  assert.equal(learn(revs, 5), revs);
});

test("a jump takes in what was ahead, and never goes back", () => {
  const revs = [6, 9].reduce(learn, jump(undefined, 3));
  assert.deepEqual(jump(revs, 5), { at: 6, ahead: [9] });
  assert.equal(jump(revs, 1), revs);
});

// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { addRev, advanceTo, hasGap, hasRev } from "../../client/state/revs.js";

test("changes in order leave no gap", () => {
  const revs = [4, 5, 6].reduce(addRev, advanceTo(undefined, 3));
  assert.deepEqual(revs, { upTo: 6, ahead: [] });
  assert.equal(hasGap(revs, 6), false);
});

test("a skipped change is a gap until it arrives", () => {
  const skipped = [5, 7].reduce(addRev, advanceTo(undefined, 3));
  assert.equal(hasGap(skipped, 7), true);
  assert.deepEqual([6, 4].reduce(addRev, skipped), { upTo: 7, ahead: [] });
});

test("a head beyond the known changes is a gap", () => {
  assert.equal(hasGap(advanceTo(undefined, 3), 4), true);
});

test("a change is known once, whether in order or ahead", () => {
  const revs = addRev(advanceTo(undefined, 3), 5);
  assert.deepEqual(
    [2, 3, 4, 5].map((rev) => hasRev(revs, rev)),
    [true, true, false, true],
  );
  assert.equal(addRev(revs, 5), revs);
});

test("advancing absorbs the changes ahead, and never goes back", () => {
  const revs = [6, 9].reduce(addRev, advanceTo(undefined, 3));
  assert.deepEqual(advanceTo(revs, 5), { upTo: 6, ahead: [9] });
  assert.equal(advanceTo(revs, 1), revs);
});

// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { backoff } from "../../client/net/backoff.js";

test("waits double, are spread at random, and have an upper bound", () => {
  assert.deepEqual(
    [0, 1, 2].map((attempt) => backoff(attempt, () => 1)),
    [500, 1_000, 2_000],
  );
  assert.equal(
    backoff(2, () => 0),
    1_000,
  );
  assert.equal(
    backoff(1_000, () => 1),
    30_000,
  );
});

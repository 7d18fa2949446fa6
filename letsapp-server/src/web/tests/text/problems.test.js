// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../client/net/http.js";
import { explain } from "../../client/text/problems.js";

test("a rate limit says how long to wait", () => {
  const slow = (retry_after) => explain(new Problem({ code: "rate_limited", status: 429, retry_after }));
  assert.match(slow(1), /again in a second\.$/);
  assert.match(slow(40), /again in 40 seconds\.$/);
  assert.match(slow(600), /again in 10 minutes\.$/);
  assert.match(slow(7_200), /again in 2 hours\.$/);
  assert.match(slow(null), /again in a moment\.$/);
});

test("a refusal has the action's own text, else the server's", () => {
  const problem = new Problem({ code: "forbidden", status: 403, detail: "not for members" });
  assert.equal(explain(problem, { forbidden: "Only admins may." }), "Only admins may.");
  assert.equal(explain(problem), "Not for members.");
});

test("every invalid field is explained", () => {
  const errors = [
    { field: "title", code: "too_long", detail: "must be shorter" },
    { field: "about", code: "invalid", detail: "holds a control character." },
  ];
  const problem = new Problem({ code: "validation_failed", status: 422, title: "Invalid", errors });
  assert.equal(explain(problem), "Must be shorter. Holds a control character.");
});

test("people who can’t be added are named", () => {
  const errors = [{ field: "member_ids.1", code: "not_allowed", detail: "@ben can’t be added to groups by you" }];
  const problem = new Problem({ code: "forbidden", status: 403, detail: "some can’t be added", errors });
  assert.equal(explain(problem, { forbidden: "Only admins may." }), "@ben can’t be added to groups by you.");
});

import assert from "node:assert/strict";
import test from "node:test";
import { may, stepsFor } from "../client/state/permissions.js";

test("what each role may do", () => {
  const table = { owner: [true, true, true, true], admin: [true, true, true, false], member: [false, false, false, false] };
  for (const [role, expected] of Object.entries(table)) {
    assert.deepEqual(
      ["describe", "add", "moderate", "delete"].map((action) => may(role, action)),
      expected,
      role,
    );
  }
});

test("what each role may do with another member", () => {
  const table = [
    ["owner", "admin", ["demote", "hand over", "remove"]],
    ["owner", "member", ["promote", "hand over", "remove"]],
    ["admin", "owner", []],
    ["admin", "admin", []],
    ["admin", "member", ["remove"]],
    ["member", "member", []],
  ];
  for (const [role, other, expected] of table) assert.deepEqual(stepsFor(role, other), expected, `${role} ${other}`);
});

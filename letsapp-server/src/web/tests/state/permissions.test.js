// @ts-check
/** @import {Role} from "../../types/protocol.d.ts" */
import assert from "node:assert/strict";
import test from "node:test";
import { isAllowed, memberActions } from "../../client/state/permissions.js";

test("permissions of each role", () => {
  /** @type {Record<string, boolean[]>} */
  const table = { owner: [true, true, true, true], admin: [true, true, true, false], member: [false, false, false, false] };
  for (const [role, expected] of Object.entries(table)) {
    assert.deepEqual(
      /** @type {const} */ (["describe", "add", "moderate", "delete"]).map((action) =>
        isAllowed(/** @type {Role} */ (role), action),
      ),
      expected,
      role,
    );
  }
});

test("actions of each role on other members", () => {
  /** @type {[Role, Role, string[]][]} */
  const table = [
    ["owner", "admin", ["demote", "hand over", "remove"]],
    ["owner", "member", ["promote", "hand over", "remove"]],
    ["admin", "owner", []],
    ["admin", "admin", []],
    ["admin", "member", ["remove"]],
    ["member", "member", []],
  ];
  for (const [role, other, expected] of table) assert.deepEqual(memberActions(role, other), expected, `${role} ${other}`);
});

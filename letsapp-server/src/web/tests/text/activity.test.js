// @ts-check
/** @import {Presence} from "../../types/state.d.ts" */
import assert from "node:assert/strict";
import test from "node:test";
import { presenceText, typingText } from "../../client/text/activity.js";
import { timeOf } from "../../client/text/times.js";

const now = new Date(2026, 10, 22, 15, 0);
/** @returns {Presence} */
const before = (...at) => ({ status: "offline", last_seen_at: new Date(2026, 10, ...at).toISOString() });

test("presence is shown as far as the user allows", () => {
  assert.equal(presenceText(undefined, now), "");
  assert.equal(presenceText({ status: "offline", last_seen_at: null }, now), "");
  assert.equal(presenceText({ status: "online", last_seen_at: null }, now), "online");
});

test("a recent last seen is more precise than an old one", () => {
  const at = (hours, minutes) => timeOf(new Date(2026, 10, 22, hours, minutes));
  assert.equal(presenceText(before(22, 15, 0), now), "last seen just now");
  assert.equal(presenceText(before(22, 14, 48), now), "last seen 12 min ago");
  assert.equal(presenceText(before(22, 9, 5), now), `last seen today at ${at(9, 5)}`);
  assert.equal(presenceText(before(21, 9, 5), now), `last seen yesterday at ${at(9, 5)}`);
  assert.match(presenceText(before(1, 9, 5), now), /^last seen on .*2.* at /);
});

test("users who are typing are named in groups only", () => {
  const users = { a: { display_name: "Ana" }, b: { display_name: "Ben" } };
  assert.equal(typingText([], users, { group: true }), "");
  assert.equal(typingText(undefined, users, { group: false }), "");
  assert.equal(typingText(["a"], users, { group: false }), "typing…");
  assert.equal(typingText(["a"], users, { group: true }), "Ana is typing…");
  assert.equal(typingText(["a", "b"], users, { group: true }), "Ana and Ben are typing…");
  assert.equal(typingText(["a", "b", "c"], users, { group: true }), "3 people are typing…");
});

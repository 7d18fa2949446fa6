import assert from "node:assert/strict";
import test from "node:test";
import { findEmoji, groups } from "../client/emoji.js";
import { lengthOf } from "../client/text.js";

const all = groups.flatMap(({ emoji }) => emoji);

test("every choice is one emoji, as a reaction has to be", () => {
  const presented = /^(?:\p{RGI_Emoji})$/v;
  const wrong = all.filter(({ emoji }) => lengthOf(emoji) !== 1 || !presented.test(emoji));
  assert.deepEqual(wrong, []);
});

test("no group has the same emoji twice", () => {
  for (const { name, emoji } of groups) assert.equal(new Set(emoji.map((item) => item.emoji)).size, emoji.length, name);
});

test("emoji are found by how their words begin, all of them, and once", () => {
  const found = (query) => findEmoji(query).map(({ emoji }) => emoji);
  assert.deepEqual(found("thumbs u"), ["👍"]);
  assert.ok(found("heart").length > 8 && new Set(found("heart")).size === found("heart").length);
  assert.deepEqual(found("Pizza"), ["🍕"]);
  assert.deepEqual(found("zzz"), []);
});

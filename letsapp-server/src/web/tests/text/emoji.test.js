// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { lengthOf } from "../../client/text/characters.js";
import { findEmoji, groups } from "../../client/text/emoji.js";

const all = groups.flatMap(({ emoji }) => emoji);

test("every entry is one emoji, as reactions have to be", () => {
  const presented = /^(?:\p{RGI_Emoji})$/v;
  const wrong = all.filter(({ emoji }) => lengthOf(emoji) !== 1 || !presented.test(emoji));
  assert.deepEqual(wrong, []);
});

test("no group has an emoji twice", () => {
  for (const { name, emoji } of groups) assert.equal(new Set(emoji.map((item) => item.emoji)).size, emoji.length, name);
});

test("emoji are found by how all of their words begin, each once", () => {
  const found = (query) => findEmoji(query).map(({ emoji }) => emoji);
  assert.deepEqual(found("thumbs u"), ["👍"]);
  assert.ok(found("heart").length > 8 && new Set(found("heart")).size === found("heart").length);
  assert.deepEqual(found("Pizza"), ["🍕"]);
  assert.deepEqual(found("zzz"), []);
});

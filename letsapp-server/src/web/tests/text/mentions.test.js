// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { mentionAt, mentionedIds, suggestMentions } from "../../client/text/mentions.js";

const people = [
  { id: "1", username: "ana", display_name: "Ana Oliveira" },
  { id: "2", username: "ana.b", display_name: "" },
  { id: "3", username: "ben", display_name: "Ben Okafor", alias: "Big Ben" },
  { id: "4", username: null, display_name: "", deleted: true },
];

test("an @ before the caret starts a mention, but not inside of an address or a word", () => {
  /** @type {[string, number, object | null][]} */
  const table = [
    ["@", 1, { from: 0, query: "" }],
    ["hi @An", 6, { from: 3, query: "an" }],
    ["hi @ana and so on", 7, { from: 3, query: "ana" }],
    ["mail ana@be", 11, null],
    ["hi @ana ", 8, null],
    ["(@be", 4, { from: 1, query: "be" }],
  ];
  for (const [text, caret, expected] of table) assert.deepEqual(mentionAt(text, caret), expected, text);
});

test("members are suggested by how their username, name or alias begins", () => {
  const ids = (query) => suggestMentions(people, query).map(({ id }) => id);
  assert.deepEqual(ids("an"), ["1", "2"]);
  assert.deepEqual(ids("oka"), ["3"]);
  assert.deepEqual(ids("big"), ["3"]);
  assert.deepEqual(ids(""), ["1", "2", "3"]);
});

test("a body mentions each user once, by the longest username that fits", () => {
  assert.deepEqual(mentionedIds("@ben and @Ana, then @ana again", people), ["3", "1"]);
  assert.deepEqual(mentionedIds("ask @ana.b.", people), ["2"]);
  assert.deepEqual(mentionedIds("ask @ana.", people), ["1"]);
  assert.deepEqual(mentionedIds("write to x@ben or @nobody", people), []);
});

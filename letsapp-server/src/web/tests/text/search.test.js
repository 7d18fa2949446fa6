// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { nothingFound, PARTIAL } from "../../client/text/search.js";

test("a search that was cut short does not claim that there is nothing", () => {
  assert.deepEqual(nothingFound("tea", { partial: false, here: true }), {
    title: "Not found",
    text: "No message here has “tea”.",
  });
  assert.match(nothingFound("tea", { partial: false, here: false }).text, /No chat, no person/);
  for (const here of [true, false]) assert.equal(nothingFound("tea", { partial: true, here }).text, PARTIAL);
  assert.match(PARTIAL, /^Not everything was searched\./);
});

// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { decodeBlurhash } from "../../client/text/blurhash.js";

test("a blurhash is drawn as the reference decoder draws it", () => {
  // Pixels 0, 25 and 47 of 8 by 6, from the decoder of the format's authors.
  /** @type {[string, number[][]][]} */
  const table = [
    ["LEHV6nWB2yk8pyo0adR*.7kCMdnj", [[135, 164, 177, 255], [127, 144, 155, 255], [139, 143, 146, 255]]],
    ["LGF5]+Yk^6#M@-5c,1J5@[or[Q6.", [[176, 118, 163, 255], [118, 154, 186, 255], [119, 106, 122, 255]]],
    ["L6PZfSi_.AyE_3t7t7R**0o#DgR4", [[229, 228, 226, 255], [223, 218, 216, 255], [218, 216, 213, 255]]],
  ];
  for (const [hash, expected] of table) {
    const pixels = [...(decodeBlurhash(hash, 8, 6) ?? [])];
    assert.equal(pixels.length, 4 * 8 * 6);
    assert.deepEqual([0, 100, 188].map((at) => pixels.slice(at, at + 4)), expected);
  }
});

test("text that is no blurhash is not drawn", () => {
  for (const text of ["", "L6PZ", "L6PZfSi_.AyE_3t7t7R**0o#DgR", "L6PZfSi_.AyE_3t7t7R**0o#DgR4x", "L6PZfSi_.AyE_3t7t7R**0o#Dg ü"]) {
    assert.equal(decodeBlurhash(text, 4, 4), null, text);
  }
});

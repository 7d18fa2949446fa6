// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { rangesIn, excerptOf, splitBody } from "../../client/text/body.js";

const ana = { id: "1", username: "ana", display_name: "" };
const bold = (parts) => parts.map(({ text, found }) => (found ? `[${text}]` : text)).join("");

test("addresses become links, without the punctuation after them", () => {
  assert.deepEqual(splitBody("See https://example.org/a?b=c, or (http://x.y/z)."), [
    { text: "See " },
    { text: "https://example.org/a?b=c", href: "https://example.org/a?b=c" },
    { text: ", or (" },
    { text: "http://x.y/z", href: "http://x.y/z" },
    { text: ")." },
  ]);
});

test("only http addresses become links", () => {
  assert.deepEqual(splitBody("javascript:alert(1) <b>data:text/html,x</b>"), [
    { text: "javascript:alert(1) <b>data:text/html,x</b>" },
  ]);
});

test("only members are marked as mentions", () => {
  assert.deepEqual(splitBody("hi @ana, and @ben", { people: [ana] }), [
    { text: "hi " },
    { text: "@ana", person: ana },
    { text: ", and @ben" },
  ]);
});

test("matches are marked inside links and mentions too", () => {
  const body = "@ana see http://x.y/z";
  const parts = splitBody(body, {
    people: [ana],
    highlights: [
      { start: 1, end: 7 },
      { start: 16, end: 17 },
    ],
  });
  assert.equal(bold(parts), "@[ana][ se]e http://[x].y/z");
  assert.deepEqual(parts[1], { text: "ana", person: ana, found: true });
  assert.deepEqual(parts.at(-2), { text: "x", href: "http://x.y/z", found: true });
});

test("positions are converted from code points, also behind emoji", () => {
  const body = "👨‍👩‍👧 café 🎉 party";
  const at = Array.from(body).indexOf("p");
  const found = rangesIn(body, [
    { field: "body", start: at, end: at + 5 },
    { field: "attachments.0.file_name", start: 0, end: 2 },
  ]);
  assert.equal(bold(splitBody(body, { highlights: found })), "👨‍👩‍👧 café 🎉 [party]");
});

test("positions past the end mark nothing", () => {
  assert.equal(bold(splitBody("short", { highlights: rangesIn("short", [{ field: "body", start: 40, end: 50 }]) })), "short");
});

test("an excerpt begins shortly before the match", () => {
  const body = "A long beginning that nobody needs to read before the needle comes";
  const start = body.indexOf("needle");
  const excerpt = bold(excerptOf(body, [{ start, end: start + 6 }]));
  assert.match(excerpt, /^….{0,24}\[needle\] comes$/);
  assert.equal(bold(excerptOf("the needle", [{ start: 4, end: 10 }])), "the [needle]");
  assert.equal(bold(excerptOf("nothing marked", [])), "nothing marked");
});

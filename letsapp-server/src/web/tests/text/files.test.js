// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { durationText, endingOf, familyOf, filesText, picturesIn, shownSize, sizeText, withFacts } from "../../client/text/files.js";
import { previewOf } from "../../client/text/messages.js";
import { attachment, ME, message } from "../fixtures.js";

test("sizes are rounded to what matters", () => {
  const table = { 0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1 KB", 1536: "1.5 KB", 10240: "10 KB", 67108864: "64 MB" };
  for (const [bytes, text] of Object.entries(table)) assert.equal(sizeText(Number(bytes)), text);
});

test("durations are shown as a player shows them", () => {
  /** @type {[number, string][]} */
  const table = [[0, "0:00"], [9.4, "0:09"], [65, "1:05"], [3600, "1:00:00"], [3725, "1:02:05"], [NaN, "0:00"], [Infinity, "0:00"], [-1, "0:00"]];
  for (const [seconds, text] of table) assert.equal(durationText(seconds), text);
});

test("the ending of a name is shown if it is one", () => {
  /** @type {[string, string][]} */
  const table = [["report.pdf", "PDF"], ["archive.tar.gz", "GZ"], [".profile", ""], ["notes", ""], ["odd.description", ""], ["x.", ""]];
  for (const [name, ending] of table) assert.equal(endingOf(name), ending, name);
});

test("a picture that nothing can draw is shown as a file", () => {
  assert.equal(familyOf(attachment({ content_type: "image/png" })), "picture");
  assert.equal(familyOf(attachment({ content_type: "image/svg+xml" })), "file");
  assert.equal(familyOf(attachment({ content_type: "image/tiff" })), "file");
  assert.equal(familyOf(attachment({ content_type: "image/tiff", thumbnail: { width: 4, height: 3, blurhash: "x" } })), "picture");
  assert.equal(familyOf(attachment({ content_type: "audio/webm" })), "audio");
  assert.equal(familyOf(attachment({ content_type: "application/pdf" })), "file");
});

test("a message without words is previewed by what it carries", () => {
  const preview = (...attachments) => previewOf(message(1, { sender_id: ME, body: "", attachments }), {}, ME);
  const [photo, file] = [attachment(), attachment({ content_type: "application/pdf", file_name: "a.pdf" })];
  assert.equal(preview(photo), "You: Photo");
  assert.equal(preview(photo, photo), "You: 2 photos");
  assert.equal(preview(file), "You: a.pdf");
  assert.equal(preview(photo, file), "You: 2 files");
  assert.equal(preview(attachment({ content_type: "audio/mpeg", file_name: "song.mp3" })), "You: Audio");
  assert.equal(preview(attachment({ content_type: "audio/webm", file_name: "Voice message.webm" })), "You: Voice message");
  assert.equal(filesText([]), "");
});

test("a picture keeps its proportions, unless one side would be hard to hit", () => {
  assert.deepEqual(shownSize({ width: 4000, height: 3000 }), { width: 330, height: 248 });
  assert.deepEqual(shownSize({ width: 200, height: 100 }), { width: 200, height: 100 });
  assert.deepEqual(shownSize({ width: 100, height: 5000 }), { width: 96, height: 340 });
  assert.deepEqual(shownSize({ thumbnail: { width: 300, height: 150 } }), { width: 300, height: 150 });
  assert.deepEqual(shownSize({}), { width: 240, height: 240 });
});

test("what is learnt of a file later is added to what its message says", () => {
  const held = attachment({ width: undefined, thumbnail: undefined });
  const thumbnail = { width: 4, height: 3, blurhash: "x" };
  const media = { ...held, owner_id: ME, status: /** @type {const} */ ("ready"), created_at: "t", width: 40, thumbnail };
  assert.deepEqual(withFacts(held, media), { ...held, width: 40, thumbnail });
  assert.equal(withFacts(held, undefined), held);
  assert.equal(withFacts(held, null), held);
});

test("the pictures of a chat are those of its messages, in their order", () => {
  const messages = [
    message(1, { attachments: [attachment({ id: "a" }), attachment({ id: "b", content_type: "audio/webm" })] }),
    message(2, { attachments: [attachment({ id: "c", content_type: "image/tiff" })] }),
    message(3),
    message(4, { attachments: [attachment({ id: "a" })] }),
  ];
  const learnt = /** @type {any} */ ({ id: "c", thumbnail: { width: 4, height: 3, blurhash: "x" } });
  assert.deepEqual(picturesIn(messages, { c: learnt }).map(({ id }) => id), ["a", "c"]);
});

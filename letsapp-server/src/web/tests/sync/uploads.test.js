// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../client/net/http.js";
import { MAX_BYTES, RESUMABLE_BYTES, Uploads } from "../../client/sync/uploads.js";
import { settled } from "../fixtures.js";

/**
 * Uploads whose transfers are answered by hand: `transfers[i].resolve()`, `transfers[i].reject(…)`. `left`: the id of the upload that
 * a closed page has left.
 */
function uploads({ left = null } = {}) {
  const transfers = [];
  const transfer = (form, { signal, onProgress }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
      transfers.push({ form, signal, onProgress, reject, resolve: () => resolve({ id: form.get("id") }) });
    });
  const transferInParts = (file, { signal, onProgress }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
      transfers.push({ file, signal, onProgress, reject, resolve: () => resolve({ id: file.id }) });
    });
  const kept = new Set();
  const unfinished = {
    claim: () => left,
    keep: (id) => void kept.add(id),
    forget: (id) => void kept.delete(id),
    clear: () => kept.clear(),
  };
  const sent = [];
  const previews = { made: 0, createObjectURL: () => `blob:${previews.made++}`, revokeObjectURL: () => void previews.made-- };
  const drawVideo = async () => new Blob(["still"]);
  const parts = new Uploads({ transfer, transferInParts, unfinished, send: (id, draft) => sent.push({ id, ...draft }), drawVideo, previews });
  const shown = { items: [], unsent: [] };
  parts.addEventListener("change", (/** @type {any} */ { detail }) => (shown.items = detail));
  parts.addEventListener("unsent", (/** @type {any} */ { detail }) => shown.unsent.push(detail));
  return { parts, transfers, sent, shown, previews, kept };
}

/** A file that is uploaded in parts. */
const large = () => new File([new Uint8Array(RESUMABLE_BYTES + 1)], "large.bin");

const file = (name, { type = "text/plain", bytes = "x" } = {}) => new File([bytes], name, { type });
const states = ({ items }) => items.map(({ status }) => status);

test("files are uploaded two at a time, in the order of picking", async () => {
  const { parts, transfers, shown } = uploads();
  parts.add("c", [file("a"), file("b"), file("d")]);
  assert.deepEqual(states(shown), ["uploading", "uploading", "waiting"]);
  transfers[0].resolve();
  await settled();
  assert.deepEqual(states(shown), ["done", "uploading", "uploading"]);
  assert.deepEqual(transfers.map(({ form }) => form.get("file").name), ["a", "b", "d"]);
});

test("progress is reported for each file", () => {
  const { parts, transfers, shown } = uploads();
  parts.add("c", [file("a"), file("b")]);
  transfers[1].onProgress(0.5);
  assert.deepEqual(shown.items.map(({ progress }) => progress), [0, 0.5]);
});

test("a message leaves once all of its files are uploaded, with their ids in order", async () => {
  const { parts, transfers, sent, shown } = uploads();
  parts.add("c", [file("a"), file("b")]);
  const ids = shown.items.map(({ id }) => id);
  parts.submit("c", { body: "both" });
  transfers[1].resolve();
  await settled();
  assert.deepEqual(sent, []);
  transfers[0].resolve();
  await settled();
  assert.deepEqual(sent, [{ id: "c", body: "both", attachments: ids }]);
  assert.deepEqual(shown.items, []);
});

test("a message whose files are uploaded already leaves at once", async () => {
  const { parts, transfers, sent, shown } = uploads();
  parts.add("c", [file("a")]);
  transfers[0].resolve();
  await settled();
  const [{ id }] = shown.items;
  parts.submit("c", { body: "", reply_to: 3 });
  assert.deepEqual(sent, [{ id: "c", body: "", reply_to: 3, attachments: [id] }]);
});

test("files that are picked after sending belong to the next message", async () => {
  const { parts, transfers, sent } = uploads();
  parts.add("c", [file("a")]);
  parts.submit("c", { body: "first" });
  parts.add("c", [file("b")]);
  transfers[0].resolve();
  transfers[1].resolve();
  await settled();
  assert.deepEqual(sent.map(({ body }) => body), ["first"]);
  assert.equal(sent[0].attachments.length, 1);
});

test("a failed upload is tried again under the same id", async () => {
  const { parts, transfers, shown } = uploads();
  parts.add("c", [file("a")]);
  transfers[0].reject(Problem.offline());
  await settled();
  const [{ id, status, retryable, error }] = shown.items;
  assert.deepEqual([status, retryable], ["failed", true]);
  assert.match(error, /can’t be reached/);
  parts.retry(id);
  assert.equal(transfers[1].form.get("id"), transfers[0].form.get("id"));
  transfers[1].resolve();
  await settled();
  assert.deepEqual(states(shown), ["done"]);
});

test("a file that the server refuses is not offered to be sent again", async () => {
  const { parts, transfers, shown } = uploads();
  parts.add("c", [file("a")]);
  transfers[0].reject(new Problem({ code: "infected", status: 422, detail: "the file is infected" }));
  await settled();
  assert.equal(shown.items[0].retryable, false);
  assert.equal(shown.items[0].error, "The file is infected.");
});

test("a file that is too large or empty is refused without asking the server", () => {
  const { parts, transfers, shown } = uploads();
  const large = new File([], "large");
  Object.defineProperty(large, "size", { value: MAX_BYTES + 1 });
  parts.add("c", [large, new File([], "empty")]);
  assert.deepEqual(states(shown), ["failed", "failed"]);
  assert.equal(transfers.length, 0);
});

test("giving up a file ends its upload and makes room for the next one", async () => {
  const { parts, transfers, shown, previews } = uploads();
  parts.add("c", [file("a", { type: "image/png" }), file("b"), file("d")]);
  assert.equal(previews.made, 1);
  parts.cancel(shown.items[0].id);
  await settled();
  assert.ok(transfers[0].signal.aborted);
  assert.deepEqual(states(shown), ["uploading", "uploading"]);
  assert.equal(previews.made, 0);
});

test("a file that is given up after its upload is reported as unsent", async () => {
  const { parts, transfers, shown } = uploads();
  parts.add("c", [file("a")]);
  transfers[0].resolve();
  await settled();
  const [{ id }] = shown.items;
  parts.cancel(id);
  assert.deepEqual(shown.unsent, [id]);
});

test("a message that waited for a file that is given up is sent with the others, or with its words alone", async () => {
  const { parts, transfers, sent, shown } = uploads();
  parts.add("c", [file("a"), file("b")]);
  parts.submit("c", { body: "words" });
  const [a, b] = shown.items.map(({ id }) => id);
  transfers[0].resolve();
  await settled();
  parts.cancel(b);
  assert.deepEqual(sent, [{ id: "c", body: "words", attachments: [a] }]);
  parts.add("c", [file("d")]);
  parts.submit("c", { body: "more" });
  parts.cancel(shown.items[0].id);
  assert.deepEqual(sent[1], { id: "c", body: "more" });
  parts.add("c", [file("e")]);
  parts.submit("c", { body: "" });
  parts.cancel(shown.items[0].id);
  assert.equal(sent.length, 2);
});

test("a message carries ten files at most", () => {
  const { parts, shown } = uploads();
  const names = Array.from({ length: 8 }, (_, i) => file(String(i)));
  assert.equal(parts.add("c", names), 8);
  assert.equal(parts.add("c", names), 2);
  assert.equal(parts.add("other", names), 8);
  assert.equal(shown.items.length, 18);
});

test("a recording is sent by itself, with its waveform", async () => {
  const { parts, transfers, sent } = uploads();
  parts.add("c", [file("picked")]);
  parts.sendAlone("c", file("voice.webm"), { body: "" }, { waveform: [1, 2] });
  transfers[1].resolve();
  await settled();
  assert.equal(transfers[1].form.get("waveform"), "[1,2]");
  assert.equal(sent[0].attachments.length, 1);
});

test("signing out gives up all files", async () => {
  const { parts, transfers, shown, sent } = uploads();
  parts.add("c", [file("a"), file("b")]);
  parts.submit("c", { body: "never" });
  parts.clear();
  await settled();
  assert.ok(transfers.every(({ signal }) => signal.aborted));
  assert.deepEqual([shown.items, sent], [[], []]);
});

test("what a lost connection has broken off is uploaded once it is back", async () => {
  const { parts, transfers, shown } = uploads();
  parts.add("c", [file("a"), file("b")]);
  transfers[0].reject(Problem.offline());
  transfers[1].reject(new Problem({ code: "unsupported_media_type", status: 415 }));
  await settled();
  parts.resume();
  assert.deepEqual(states(shown), ["uploading", "failed"]);
  assert.equal(transfers.length, 3);
});

test("a video is uploaded with a picture of it", async () => {
  const { parts, transfers, shown, previews } = uploads();
  parts.add("c", [file("film.mp4", { type: "video/mp4" })]);
  await settled();
  assert.equal(transfers[0].form.get("preview").size, 5);
  assert.equal(shown.items[0].preview, "blob:0");
  parts.cancel(shown.items[0].id);
  assert.equal(previews.made, 0);
});

test("a large file is uploaded in parts, and noted for as long as that takes", async () => {
  const { parts, transfers, shown, kept } = uploads();
  parts.add("c", [large(), file("small")]);
  await settled();
  assert.deepEqual(transfers.map(({ file, form }) => [file !== undefined, form !== undefined]), [[true, false], [false, true]]);
  assert.deepEqual([transfers[0].file.begun, transfers[0].file.id], [false, shown.items[0].id]);
  assert.deepEqual([...kept], [shown.items[0].id]);
  transfers[0].resolve();
  await settled();
  assert.deepEqual([...kept], []);
  assert.equal(shown.items[0].status, "done");
});

test("a large file that broke off goes on under its id, and its progress stays", async () => {
  const { parts, transfers, shown, kept } = uploads();
  parts.add("c", [large()]);
  transfers[0].onProgress(0.6);
  transfers[0].reject(Problem.offline());
  await settled();
  assert.equal(kept.size, 1);
  parts.resume();
  assert.deepEqual([transfers[1].file.begun, transfers[1].file.id], [true, transfers[0].file.id]);
  assert.deepEqual([shown.items[0].status, shown.items[0].progress], ["uploading", 0.6]);
});

test("a large file that a closed page has begun goes on under the same id", async () => {
  const { parts, transfers } = uploads({ left: "before" });
  parts.add("c", [large(), file("small")]);
  await settled();
  assert.deepEqual([transfers[0].file.id, transfers[0].file.begun], ["before", true]);
  assert.notEqual(transfers[1].form.get("id"), "before");
});

test("a large file that is refused or given up is not noted any more", async () => {
  const { parts, transfers, shown, kept } = uploads();
  parts.add("c", [large(), large()]);
  transfers[0].reject(new Problem({ code: "infected", status: 422 }));
  await settled();
  assert.equal(kept.size, 1);
  parts.cancel(shown.items[1].id);
  assert.equal(kept.size, 0);
  assert.ok(transfers[1].signal.aborted);
});

test("a long recording keeps its waveform, and so is sent as a whole", () => {
  const { parts, transfers } = uploads();
  parts.sendAlone("c", large(), { body: "" }, { waveform: [1, 2] });
  assert.equal(transfers[0].form.get("waveform"), "[1,2]");
});

// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../client/net/http.js";
import { uploadInParts } from "../../client/net/resumable.js";

const MIB = 2 ** 20;
const SIZE = 10 * MIB;

/**
 * A server of uploads. `fail(method, problem, kept)`: the next request of this method fails, after `kept` bytes of its body have
 * arrived.
 */
function server() {
  const held = { id: "", bytes: 0, length: 0, over: false };
  const requests = [];
  const failures = [];
  const call = async (method, path, body, { headers, signal, onProgress }) => {
    requests.push({ method, path, headers, size: body?.size });
    if (signal?.aborted) throw new DOMException("", "AbortError");
    const at = failures.findIndex((failure) => failure.method === method);
    const failure = at < 0 ? undefined : failures.splice(at, 1)[0];
    if (method === "PATCH") held.bytes += failure ? failure.kept : body.size;
    if (failure) throw failure.problem;
    onProgress?.(1);
    if (method === "POST") Object.assign(held, { id: "a", length: Number(headers["upload-length"]) });
    else if (held.over) throw new Problem({ code: "not_found", status: 410 });
    else if (held.id === "") throw new Problem({ code: "not_found", status: 404 });
    if (method === "DELETE") Object.assign(held, { id: "", bytes: 0 });
    return { json: null, header: (name) => (name === "upload-offset" ? String(held.bytes) : null) };
  };
  const fail = (method, problem, kept = 0) => failures.push({ method, problem, kept });
  return { held, requests, call, fail };
}

function upload(from, { begun = false, controller = new AbortController() } = {}) {
  const [seen, waits] = [[], []];
  const file = { id: "a", file: new Blob([new Uint8Array(SIZE)]), file_name: "Grüße.bin", content_type: "text/plain", begun };
  const wait = async (ms) => void waits.push(ms);
  const done = uploadInParts(file, { call: from.call, signal: controller.signal, onProgress: (part) => seen.push(part), wait });
  return { done, seen, waits, controller };
}

const methods = ({ requests }) => requests.map(({ method }) => method);

test("a file is sent in parts, each from where the last one ended", async () => {
  const to = server();
  const { done, seen } = upload(to);
  await done;
  assert.deepEqual(methods(to), ["POST", "PATCH", "PATCH", "PATCH"]);
  assert.deepEqual(to.requests.slice(1).map(({ headers, size }) => [headers["upload-offset"], size]), [
    ["0", 4 * MIB],
    [String(4 * MIB), 4 * MIB],
    [String(8 * MIB), 2 * MIB],
  ]);
  assert.equal(to.held.bytes, SIZE);
  assert.equal(seen.at(-1), 1);
  const [{ headers }] = to.requests;
  assert.deepEqual([headers["tus-resumable"], headers["upload-length"]], ["1.0.0", String(SIZE)]);
  const written = headers["upload-metadata"].split(",").map((pair) => pair.split(" "));
  const metadata = Object.fromEntries(written.map(([name, value]) => [name, Buffer.from(value, "base64").toString()]));
  assert.deepEqual(metadata, { filename: "Grüße.bin", filetype: "text/plain", id: "a" });
});

test("after a lost connection the server is asked, and only what it lacks is sent", async () => {
  const to = server();
  to.fail("PATCH", Problem.offline(), 3 * MIB);
  const { done, waits } = upload(to);
  await done;
  assert.deepEqual(methods(to), ["POST", "PATCH", "HEAD", "PATCH", "PATCH"]);
  assert.equal(to.requests[3].headers["upload-offset"], String(3 * MIB));
  assert.equal(to.held.bytes, SIZE);
  assert.equal(waits.length, 1);
});

test("a server that restarts is waited for, also while it is asked", async () => {
  const to = server();
  to.fail("PATCH", Problem.offline(), MIB);
  for (let i = 0; i < 3; i++) to.fail("HEAD", Problem.offline());
  await upload(to).done;
  assert.equal(to.held.bytes, SIZE);
});

test("a server that stays away fails the upload, which goes on later from where it stood", async () => {
  const to = server();
  to.fail("PATCH", Problem.offline(), 5 * MIB);
  for (let i = 0; i < 5; i++) to.fail("HEAD", Problem.offline());
  await assert.rejects(upload(to).done, { code: "offline" });
  const { done, seen } = upload(to, { begun: true });
  await done;
  assert.equal(seen[0], 0.5);
  assert.equal(to.held.bytes, SIZE);
});

test("a part that the server refuses for a while is sent when it says", async () => {
  const to = server();
  to.fail("PATCH", new Problem({ code: "rate_limited", status: 429, retry_after: 7 }));
  const { done, waits } = upload(to);
  await done;
  assert.deepEqual(waits, [7_000]);
});

test("an upload that never reached the server is begun anew", async () => {
  const to = server();
  await upload(to, { begun: true }).done;
  assert.deepEqual(methods(to).slice(0, 3), ["HEAD", "POST", "PATCH"]);
});

test("a lost answer to the last part sends nothing again", async () => {
  const to = server();
  Object.assign(to.held, { id: "a", length: SIZE, bytes: SIZE, over: true });
  await upload(to, { begun: true }).done;
  assert.deepEqual(methods(to), ["HEAD"]);
});

test("a file that the server refuses is not sent again", async () => {
  const to = server();
  to.fail("PATCH", new Problem({ code: "infected", status: 422 }));
  await assert.rejects(upload(to).done, { code: "infected" });
  assert.deepEqual(methods(to), ["POST", "PATCH"]);
});

test("a cancelled upload is removed from the server", async () => {
  const to = server();
  const controller = new AbortController();
  const cancelled = { ...to, call: async (...args) => (args[0] === "PATCH" && controller.abort(), /** @type {any} */ (to.call)(...args)) };
  await assert.rejects(upload(cancelled, { controller }).done, { name: "AbortError" });
  assert.deepEqual(methods(to), ["POST", "PATCH", "DELETE"]);
  assert.equal(to.held.id, "");
});

test("an upload that is cancelled while it waits ends at once", async () => {
  const to = server();
  to.fail("PATCH", new Problem({ code: "rate_limited", status: 429, retry_after: 3_600 }));
  const controller = new AbortController();
  const file = { id: "a", file: new Blob([new Uint8Array(SIZE)]), file_name: "a", content_type: "text/plain", begun: false };
  const done = uploadInParts(file, { call: to.call, signal: controller.signal, onProgress: () => {} });
  while (!methods(to).includes("PATCH")) await Promise.resolve();
  controller.abort();
  await assert.rejects(done, { name: "AbortError" });
});

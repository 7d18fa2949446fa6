// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { transfer } from "../../client/net/transfer.js";

/** A request that is answered by hand. */
class FakeRequest extends EventTarget {
  upload = new EventTarget();
  headers = {};
  status = 0;
  responseText = "";
  retryAfter = null;
  open(method, path) {
    this.target = `${method} ${path}`;
  }
  setRequestHeader(name, value) {
    this.headers[name] = value;
  }
  getResponseHeader() {
    return this.retryAfter;
  }
  send(body) {
    this.body = body;
  }
  abort() {
    this.end("abort");
  }
  end(type, status = 0, text = "") {
    Object.assign(this, { status, responseText: text });
    this.dispatchEvent(new Event(type));
    this.dispatchEvent(new Event("loadend"));
  }
}

function begin() {
  const request = new FakeRequest();
  const controller = new AbortController();
  const seen = [];
  const open = /** @type {any} */ (() => request);
  const done = transfer("/v1/media", new FormData(), { token: "t", signal: controller.signal, onProgress: (part) => seen.push(part), open });
  return { request, controller, seen, done };
}

test("a form is sent with the token, and its answer returned", async () => {
  const { request, done } = begin();
  assert.equal(request.target, "POST /v1/media");
  assert.equal(request.headers.authorization, "Bearer t");
  request.end("load", 201, '{"id":"a"}');
  assert.deepEqual(await done, { id: "a" });
});

test("progress is reported as a part of the whole", () => {
  const { request, seen } = begin();
  const progress = (fields) => request.upload.dispatchEvent(Object.assign(new Event("progress"), fields));
  progress({ lengthComputable: true, loaded: 1, total: 4 });
  progress({ lengthComputable: false, loaded: 2, total: 0 });
  assert.deepEqual(seen, [0.25]);
});

test("a refusal is a problem with the server's code", async () => {
  const { request, done } = begin();
  request.end("load", 415, '{"code":"unsupported_media_type","detail":"not a picture"}');
  await assert.rejects(done, { code: "unsupported_media_type", status: 415, message: "not a picture" });
});

test("a refusal by a proxy is described by its status", async () => {
  const { request, done } = begin();
  Object.assign(request, { retryAfter: "7" });
  request.end("load", 503, "<h1>Busy</h1>");
  await assert.rejects(done, { code: "unavailable", retryAfter: 7 });
});

test("a lost connection and a broken answer can be tried again", async () => {
  const [lost, broken] = [begin(), begin()];
  lost.request.end("error");
  broken.request.end("load", 201, '{"id":');
  await assert.rejects(lost.done, { code: "offline", transient: true });
  await assert.rejects(broken.done, { code: "offline" });
});

test("a cancelled upload is aborted", async () => {
  const { controller, done } = begin();
  controller.abort();
  await assert.rejects(done, { name: "AbortError" });
});

// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../client/net/http.js";
import { initialState, reduce } from "../../client/state/reduce.js";
import { Store } from "../../client/state/store.js";
import { Files } from "../../client/sync/files.js";
import { ME, settled, user } from "../fixtures.js";

const NOW = Date.parse("2026-11-22T09:00:00.000Z");
const HOUR_MS = 3_600_000;

/** Files whose requests are answered by hand. */
function files() {
  const requests = [];
  const ask = (what) => new Promise((resolve, reject) => requests.push({ what, resolve, reject }));
  const store = new Store(reduce, initialState(user(ME)));
  const api = { media: (id) => ask(id), mediaUrl: (id, variant) => ask(`${variant}/${id}`) };
  const waits = [];
  const parts = new Files({ store, api: /** @type {any} */ (api), wait: async (ms) => void waits.push(ms) });
  const grant = (i) => requests[i].resolve({ url: `/${i}`, expires_at: new Date(NOW + HOUR_MS).toISOString() });
  return { parts, requests, store, waits, grant };
}

test("a link is asked for once, until shortly before it expires", async () => {
  const { parts, requests, grant } = files();
  const [first, second] = [parts.link("a", "thumbnail", NOW), parts.link("a", "thumbnail", NOW)];
  grant(0);
  assert.deepEqual([await first, await second, await parts.link("a", "thumbnail", NOW + HOUR_MS / 2)], ["/0", "/0", "/0"]);
  const later = parts.link("a", "thumbnail", NOW + HOUR_MS - 60_000);
  grant(1);
  assert.equal(await later, "/1");
  parts.link("a", "original", NOW);
  assert.deepEqual(requests.map(({ what }) => what), ["thumbnail/a", "thumbnail/a", "original/a"]);
});

test("a link that did not work is asked for again", async () => {
  const { parts, requests, grant } = files();
  parts.link("a", "original", NOW);
  grant(0);
  await settled();
  parts.forgetLink("a", "original");
  parts.link("a", "original", NOW);
  assert.equal(requests.length, 2);
});

test("a refused link is reported, and asked for anew the next time", async () => {
  const { parts, requests } = files();
  const link = parts.link("a", "original", NOW);
  requests[0].reject(new Problem({ code: "not_found", status: 404 }));
  await assert.rejects(link, { code: "not_found" });
  parts.link("a", "original", NOW);
  assert.equal(requests.length, 2);
});

test("four requests are under way at most", async () => {
  const { parts, requests, grant } = files();
  for (let i = 0; i < 6; i++) parts.link(String(i), "thumbnail", NOW);
  await settled();
  assert.equal(requests.length, 4);
  grant(0);
  await settled();
  assert.equal(requests.length, 5);
});

test("a request that the server was too busy for is repeated when the server says", async () => {
  const { parts, requests, waits, grant } = files();
  const link = parts.link("a", "thumbnail", NOW);
  requests[0].reject(new Problem({ code: "rate_limited", status: 429, retry_after: 3 }));
  await settled();
  grant(1);
  assert.equal(await link, "/1");
  assert.deepEqual(waits, [3_000]);
});

test("what is known of a file is asked for once, and never overwrites what an event has brought", async () => {
  const { parts, requests, store } = files();
  parts.load("a");
  parts.load("a");
  store.dispatch({ type: "media", item: /** @type {any} */ ({ id: "a", status: "ready" }) });
  requests[0].resolve({ id: "a", status: "processing" });
  await settled();
  assert.equal(requests.length, 1);
  assert.equal(store.state.media.a?.status, "ready");
  parts.load("b");
  requests[1].reject(new Problem({ code: "not_found", status: 404 }));
  await settled();
  assert.equal(store.state.media.b, null);
});

test("files that were not ready before a lost connection are asked about again", async () => {
  const { parts, requests, store } = files();
  const media = (id, status) => /** @type {any} */ ({ id, status });
  store.dispatch({ type: "media", item: media("a", "processing") });
  store.dispatch({ type: "media", item: media("b", "ready") });
  parts.refresh();
  assert.deepEqual(requests.map(({ what }) => what), ["a"]);
  requests[0].resolve(media("a", "ready"));
  await settled();
  assert.equal(store.state.media.a?.status, "ready");
});

// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Pictures } from "../../client/actions/pictures.js";
import { Problem } from "../../client/net/http.js";
import { initialState, reduce } from "../../client/state/reduce.js";
import { Store } from "../../client/state/store.js";
import { ME, settled, user } from "../fixtures.js";

/** Pictures on a server that answers uploads with `status`. */
function pictures({ status = "ready" } = {}) {
  const store = new Store(reduce, initialState(user(ME)));
  const [removed, forms] = [[], []];
  const api = {
    upload: async (form) => {
      forms.push(form);
      return { id: form.get("id"), status };
    },
    deleteMedia: async (id) => void removed.push(id),
  };
  const waits = [];
  const wait = (ms) => new Promise((resolve) => waits.push({ ms, resolve }));
  const parts = new Pictures({ store, api: /** @type {any} */ (api), wait: /** @type {any} */ (wait) });
  const controller = new AbortController();
  const used = [];
  const set = (use = async (id) => void used.push(id)) =>
    parts.set(new Blob(["picture"]), use, { signal: controller.signal, onProgress: () => {} });
  return { store, removed, forms, waits, controller, used, set };
}

test("a picture is uploaded and then used", async () => {
  const { set, used, forms, removed } = pictures();
  await set();
  assert.deepEqual(used, [forms[0].get("id")]);
  assert.equal(await forms[0].get("file").text(), "picture");
  assert.deepEqual(removed, []);
});

test("a picture is used once it has its preview", async () => {
  const { set, used, store, forms } = pictures({ status: "processing" });
  const done = set();
  await settled();
  assert.deepEqual(used, []);
  store.dispatch({ type: "media", item: /** @type {any} */ ({ id: forms[0].get("id"), status: "ready" }) });
  await done;
  assert.equal(used.length, 1);
});

test("a picture whose preview takes long is used without", async () => {
  const { set, used, waits } = pictures({ status: "processing" });
  const done = set();
  await settled();
  waits[0].resolve();
  await done;
  assert.equal(used.length, 1);
});

test("a picture that may not be set, or is given up, is removed again", async () => {
  const refused = pictures();
  const problem = new Problem({ code: "forbidden", status: 403 });
  await assert.rejects(refused.set(() => Promise.reject(problem)), { code: "forbidden" });
  assert.equal(refused.removed.length, 1);
  const given = pictures({ status: "processing" });
  const done = given.set();
  await settled();
  given.controller.abort();
  given.waits[0].resolve();
  await assert.rejects(done, { name: "AbortError" });
  assert.deepEqual([given.used.length, given.removed.length], [0, 1]);
});

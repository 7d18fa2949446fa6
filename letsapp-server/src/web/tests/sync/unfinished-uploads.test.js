// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { UnfinishedUploads } from "../../client/sync/unfinished-uploads.js";
import { MemoryStorage } from "../fixtures.js";

const HOUR_MS = 3_600_000;

/** Opens pages on one storage. `open`: the names of the tabs that are open then. */
function browser() {
  const storage = new MemoryStorage();
  const clock = { now: 1_000 };
  const page = async (tab, { open = [], userId = "me" } = {}) => {
    const held = open.map((name) => ({ name: `letsapp.tab.${name}` }));
    clock.now += 1;
    const uploads = new UnfinishedUploads({ userId, storage, locks: { query: async () => ({ held }) }, tab, now: () => clock.now });
    await uploads.ready;
    return uploads;
  };
  return { page, clock, storage };
}

const film = (fields = {}) => new File(["film"], "film.mp4", { type: "video/mp4", lastModified: 7, ...fields });

test("a reloaded page goes on with the upload of a file that is picked again, once", async () => {
  const { page } = browser();
  (await page("before")).keep("a", film());
  const after = await page("after");
  assert.equal(after.claim(film()), "a");
  assert.equal(after.claim(film()), null);
});

test("another file is not taken for it", async () => {
  const { page } = browser();
  (await page("before")).keep("a", film());
  const after = await page("after");
  assert.equal(after.claim(film({ lastModified: 8 })), null);
  assert.equal(after.claim(new File(["longer"], "film.mp4", { type: "video/mp4", lastModified: 7 })), null);
  assert.equal(after.claim(new File(["film"], "other.mp4", { type: "video/mp4", lastModified: 7 })), null);
});

test("an upload of a tab that is open is left to it, and so is one that began later", async () => {
  const { page } = browser();
  const early = await page("early");
  early.keep("a", film());
  assert.equal((await page("second", { open: ["early"] })).claim(film()), null);
  (await page("late")).keep("b", film({ lastModified: 8 }));
  assert.equal(early.claim(film({ lastModified: 8 })), null);
});

test("what is finished, given up or removed by the server is not gone on with", async () => {
  const { page, clock } = browser();
  const before = await page("before");
  before.keep("a", film());
  before.forget("a");
  assert.equal((await page("after")).claim(film()), null);
  before.keep("b", film());
  clock.now += 24 * HOUR_MS;
  assert.equal((await page("next day")).claim(film()), null);
});

test("signing out forgets the uploads of this user alone", async () => {
  const { page, storage } = browser();
  (await page("before")).keep("a", film());
  (await page("before", { userId: "other" })).keep("b", film());
  (await page("after")).clear();
  assert.equal(storage.length, 1);
  assert.equal((await page("later", { userId: "other" })).claim(film()), "b");
});

// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { uuidv7 } from "../../client/net/ids.js";

test("ids are UUIDs of version 7, and sort by time", () => {
  const [one, two] = [uuidv7(1_700_000_000_000), uuidv7(1_700_000_000_001)];
  assert.match(one, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(one < two);
  assert.equal(uuidv7(0x0123_4567_89ab, new Uint8Array(10)), "01234567-89ab-7000-8000-000000000000");
});

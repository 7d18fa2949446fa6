// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { chatAddress, routeOf, withDrawer } from "../../client/views/route.js";

const nowhere = { chat: null, panel: null, person: null, drawer: null };

test("an address names a chat, its panel, and a drawer", () => {
  /** @type {[string, object][]} */
  const table = [
    ["", nowhere],
    ["#/", nowhere],
    ["#/chat/a1-2", { ...nowhere, chat: "a1-2" }],
    [chatAddress("a1", "search"), { ...nowhere, chat: "a1", panel: "search" }],
    [chatAddress("a1", "person/b2"), { ...nowhere, chat: "a1", panel: "person", person: "b2" }],
    ["#/?settings/privacy", { ...nowhere, drawer: "settings/privacy" }],
    ["#/chat/a1/info?contacts", { ...nowhere, chat: "a1", panel: "info", drawer: "contacts" }],
    ["#/chat/<script>", nowhere],
  ];
  for (const [hash, expected] of table) assert.deepEqual(routeOf(hash), expected, hash);
});

test("opening a drawer keeps the chat", () => {
  assert.equal(withDrawer("", "contacts"), "#/?contacts");
  assert.equal(withDrawer("#/chat/a1?contacts", "settings"), "#/chat/a1?settings");
  assert.equal(withDrawer("#/chat/a1?contacts", null), "#/chat/a1");
});

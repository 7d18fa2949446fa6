// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { isEmojiOnly, lengthOf } from "../../client/text/characters.js";
import { previewOf, systemText } from "../../client/text/messages.js";
import { initialsOf, nameOf } from "../../client/text/names.js";
import { dayOf } from "../../client/text/times.js";
import { ME, message, PEER } from "../fixtures.js";

const users = { [PEER]: { display_name: "Ada Lindqvist" }, third: { username: "emi", display_name: "" } };

test("an emoji of several code points counts as one character", () => {
  assert.equal(lengthOf("👨‍👩‍👧‍👦é"), 2);
});

test("a few emoji alone are shown large", () => {
  assert.deepEqual(["❤️", "👍🏽 🎉", "👨‍👩‍👧", "🇩🇪", "ok 👍", "12", "🎉🎉🎉🎉", ""].map(isEmojiOnly), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test("initials are those of the first and the last word, in any script", () => {
  assert.deepEqual(["Ada Lindqvist", "ada", "田中 恵美", "José de la Cruz", "🎉"].map(initialsOf), [
    "AL",
    "A",
    "田恵",
    "JC",
    "·",
  ]);
});

test("recent days have names", () => {
  const now = new Date(2026, 10, 22, 0, 30);
  assert.equal(dayOf(new Date(2026, 10, 22, 0, 1), now), "Today");
  assert.equal(dayOf(new Date(2026, 10, 21, 23, 59), now), "Yesterday");
});

test("system messages address the reader", () => {
  const told = (sender_id, system) => systemText({ sender_id, system }, users, ME);
  assert.equal(told(PEER, { type: "members_added", user_ids: [ME, "third"] }), "Ada Lindqvist added you and emi");
  assert.equal(told(ME, { type: "member_removed", user_id: "third" }), "You removed emi");
  assert.equal(told(PEER, { type: "member_left", user_id: PEER }), "Ada Lindqvist left");
  assert.equal(told(PEER, { type: "role_changed", user_id: ME, role: "owner" }), "Ada Lindqvist made you the owner");
  assert.equal(told(PEER, { type: "role_changed", user_id: ME, role: "member" }), "Ada Lindqvist made you an ordinary member");
  assert.equal(told(PEER, { type: "picture_changed", avatar_media_id: null }), "Ada Lindqvist removed the picture");
  assert.equal(told(ME, { type: "about_changed", about: "" }), "You removed the description");
  assert.equal(told(PEER, { type: "something_new" }), "Something changed here");
});

test("a contact is shown under the reader's own name for them", () => {
  assert.equal(nameOf({ username: "ada", display_name: "Ada", alias: "Mum" }), "Mum");
  assert.equal(nameOf({ username: null, display_name: "", alias: "Mum", deleted: true }), "Deleted account");
});

test("a preview names the sender, and hides a deleted body", () => {
  assert.equal(previewOf(message(1), users, ME), "message 1");
  assert.equal(previewOf(message(1), users, ME, { group: true }), "Ada Lindqvist: message 1");
  assert.equal(previewOf(message(1, { sender_id: ME }), users, ME), "You: message 1");
  assert.equal(previewOf(message(1, { deleted_at: "t", body: "" }), users, ME), "Message deleted");
});

// @ts-check
/** @import {Message} from "../../types/protocol.d.ts" */
import assert from "node:assert/strict";
import test from "node:test";
import { shouldNotify } from "../../client/actions/notifications.js";
import { unreadCount } from "../../client/state/conversations.js";
import { conversation, ME, message, user } from "../fixtures.js";

const now = Date.parse("2026-11-22T12:00:00Z");
const muted = { muted_until: "2026-11-22T13:00:00Z" };
/** @returns {any} */
const state = (me = {}) => {
  const held = conversation({ seq: 1, unread: 1 });
  return { me: user(ME), conversations: { c: { ...held, me: { ...held.me, ...me } } } };
};

test("a message causes a notification unless it is visible, own, muted or archived", () => {
  /** @type {[string, any, Message, string | null, boolean][]} */
  const table = [
    ["in another chat", state(), message(1), "other", true],
    ["with no chat open", state(), message(1), null, true],
    ["in the open chat", state(), message(1), "c", false],
    ["one's own", state(), message(1, { sender_id: ME }), null, false],
    ["of the system", state(), message(1, { kind: "system" }), null, false],
    ["in a chat that is put away", state({ archived: true }), message(1), null, false],
    ["in a muted chat", state(muted), message(1), null, false],
    ["in a muted chat, naming the reader", state(muted), message(1, { mentions: [ME] }), null, true],
    ["in a chat that was muted until before", state({ muted_until: "2026-11-22T11:59:59Z" }), message(1), null, true],
    ["nowhere", { me: user(ME), conversations: {} }, message(1), null, false],
  ];
  for (const [when, held, item, open, expected] of table) assert.equal(shouldNotify(held, item, open, now), expected, when);
});

test("muted and archived chats aren't counted in the title", () => {
  assert.equal(unreadCount(state().conversations, now), 1);
  assert.equal(unreadCount(state(muted).conversations, now), 0);
  assert.equal(unreadCount(state({ archived: true }).conversations, now), 0);
  assert.equal(unreadCount(state({ unread: 0 }).conversations, now), 0);
});

// @ts-check
// Reducers of one conversation as the list shows it (its head and its unread count), and the order of the list. Pure.
/** @import {Conversation, Head, Id, Message, Watermarks} from "../../types/protocol.d.ts" */
/** @import {KnownConversation, State, Timeline} from "../../types/state.d.ts" */
import { hasAllAfter } from "./timeline.js";

/**
 * Merges a conversation as the server describes it. Where events have overtaken the description, the newer head and count stay;
 * one that the reader has left is described as it was then.
 * @param {KnownConversation | undefined} held
 * @param {Conversation} conversation
 * @returns {KnownConversation}
 */
export function mergeConversation(held, conversation) {
  const left = hasLeft(conversation);
  if (held && !held.left && !left && isOutdated(held, conversation)) {
    const { read_seq, delivered_seq, unread } = held.me;
    return {
      ...conversation,
      left,
      head: held.head,
      countedRev: held.countedRev,
      me: { ...conversation.me, read_seq, delivered_seq, unread },
    };
  }
  return { ...conversation, countedRev: conversation.head.rev, left };
}

/**
 * Applies a message to the head and the unread count. `isNewRev`: this change had not arrived before; `created`: the message is
 * new, not changed.
 * @param {KnownConversation} conversation
 * @param {Message} message
 * @param {{isNewRev: boolean, created: boolean, me: Id}} about
 * @returns {KnownConversation}
 */
export function applyMessage(conversation, message, { isNewRev, created, me }) {
  const head = mergeHead(conversation.head, message);
  if (!isNewRev || message.rev <= conversation.countedRev) return { ...conversation, head };
  const own = message.sender_id === me;
  if (own && created && message.kind === "user") return readUpTo({ ...conversation, head }, message.seq);
  const counts = !own && message.kind === "user" && message.seq > conversation.me.read_seq;
  const change = !counts ? 0 : message.deleted_at ? -Number(!created) : Number(created);
  const unread = Math.max(0, conversation.me.unread + change);
  return { ...conversation, head, me: { ...conversation.me, unread } };
}

/**
 * Raises the reader's own watermarks. `unreadUnknown` is set where the loaded messages are too few to count the unread ones.
 * @param {KnownConversation} conversation
 * @param {Watermarks} watermarks
 * @param {Timeline} timeline
 * @param {Id} me
 * @returns {KnownConversation}
 */
export function applyOwnReceipt(conversation, { read_seq, delivered_seq }, timeline, me) {
  const raised = {
    ...conversation.me,
    read_seq: Math.max(conversation.me.read_seq, read_seq),
    delivered_seq: Math.max(conversation.me.delivered_seq, delivered_seq, read_seq),
  };
  if (raised.read_seq === conversation.me.read_seq) return { ...conversation, me: raised };
  const unread = raised.read_seq >= conversation.head.seq ? 0 : unreadAfter(timeline, raised.read_seq, me);
  return { ...conversation, me: { ...raised, unread: unread ?? conversation.me.unread }, unreadUnknown: unread === null };
}

/**
 * Returns the conversations in the order of the list: the pinned ones, then by their last activity.
 * @param {State["conversations"]} conversations
 */
export function byActivity(conversations) {
  return Object.values(conversations)
    .filter(({ left }) => !left)
    .sort((a, b) => pinned(b) - pinned(a) || lastActivity(b).localeCompare(lastActivity(a)) || a.id.localeCompare(b.id));
}

/**
 * Returns the groups that the reader has left and that are in their list; null until they are loaded.
 * @param {Pick<State, "conversations" | "leftGroups">} state
 */
export function leftGroups({ conversations, leftGroups }) {
  return leftGroups && leftGroups.map((id) => conversations[id]).filter((conversation) => conversation?.left);
}

/** @param {{me: {muted_until: string | null}}} conversation */
export const isMuted = ({ me }, now = Date.now()) => me.muted_until != null && Date.parse(me.muted_until) > now;

/**
 * Counts the conversations with unread messages that the page's title is to show: neither muted nor archived.
 * @param {State["conversations"]} conversations
 */
export function unreadCount(conversations, now = Date.now()) {
  return byActivity(conversations).filter(
    (conversation) => conversation.me.unread > 0 && !conversation.me.archived && !isMuted(conversation, now),
  ).length;
}

/**
 * Tells whether a message counts as unread until it is read.
 * @param {Message} message
 * @param {Id} me
 */
export function countsAsUnread(message, me) {
  return message.kind === "user" && message.sender_id !== me && !message.deleted_at;
}

/** @param {Conversation} conversation */
const hasLeft = ({ me }) => me.left_at != null;

/** @param {KnownConversation} conversation */
const pinned = ({ me }) => Number(me.pinned ?? false);

/** @param {KnownConversation} conversation */
const lastActivity = ({ head, created_at }) => head.last_message?.sent_at ?? created_at;

/**
 * @param {KnownConversation} held
 * @param {Conversation} conversation
 */
function isOutdated(held, { head, me }) {
  return head.rev < held.head.rev || (head.rev === held.head.rev && me.read_seq < held.me.read_seq);
}

/**
 * Marks everything up to an own message as read, as the server does when a user sends.
 * @param {KnownConversation} conversation
 * @param {number} seq
 * @returns {KnownConversation}
 */
function readUpTo(conversation, seq) {
  const { read_seq, delivered_seq } = conversation.me;
  const me = { ...conversation.me, read_seq: Math.max(read_seq, seq), delivered_seq: Math.max(delivered_seq, seq), unread: 0 };
  return { ...conversation, me };
}

/**
 * @param {Head} head
 * @param {Message} message
 * @returns {Head}
 */
function mergeHead(head, message) {
  const last = head.last_message;
  const newer = !last || message.seq > last.seq || (message.seq === last.seq && message.rev > last.rev);
  return {
    seq: Math.max(head.seq, message.seq),
    rev: Math.max(head.rev, message.rev),
    last_message: newer ? message : last,
  };
}

/**
 * @param {Timeline} timeline
 * @param {number} seq
 * @param {Id} me
 */
function unreadAfter(timeline, seq, me) {
  if (!hasAllAfter(timeline, seq)) return null;
  return timeline.messages.filter((message) => message.seq > seq && countsAsUnread(message, me)).length;
}

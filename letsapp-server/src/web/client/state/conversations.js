// A conversation as the list shows it: its head, and what of it is unread.
import { covers } from "./timeline.js";

/**
 * Takes the server's account of a conversation. `counted` is the change number up to which its `unread` is exact; messages after
 * it are counted here.
 */
export function snapshot(held, conversation) {
  if (held && !held.left && outdated(held, conversation)) {
    const { read_seq, delivered_seq, unread } = held.me;
    return {
      ...conversation,
      head: held.head,
      counted: held.counted,
      me: { ...conversation.me, read_seq, delivered_seq, unread },
    };
  }
  return { ...conversation, counted: conversation.head.rev, left: false };
}

/** Takes a live message. `fresh`: this change of it was not known; `created`: it is new, not changed. */
export function withMessage(conversation, message, { fresh, created, me }) {
  const head = withLast(conversation.head, message);
  if (!fresh || message.rev <= conversation.counted) return { ...conversation, head };
  const own = message.sender_id === me;
  if (own && created && message.kind === "user") return withRead({ ...conversation, head }, message.seq);
  const counts = !own && message.kind === "user" && message.seq > conversation.me.read_seq;
  const change = !counts ? 0 : message.deleted_at ? -Number(!created) : Number(created);
  const unread = Math.max(0, conversation.me.unread + change);
  return { ...conversation, head, me: { ...conversation.me, unread } };
}

/** The reader's own watermarks have risen; `unread` is `null` where only the server can tell it. */
export function withReceipt(conversation, { read_seq, delivered_seq }, timeline, me) {
  const moved = {
    ...conversation.me,
    read_seq: Math.max(conversation.me.read_seq, read_seq),
    delivered_seq: Math.max(conversation.me.delivered_seq, delivered_seq, read_seq),
  };
  if (moved.read_seq === conversation.me.read_seq) return { ...conversation, me: moved };
  const unread = moved.read_seq >= conversation.head.seq ? 0 : unreadAfter(timeline, moved.read_seq, me);
  return { ...conversation, me: { ...moved, unread: unread ?? conversation.me.unread }, unsure: unread === null };
}

/** Conversations in the order of the list: those kept on top, then by their last activity. */
export function byActivity(conversations) {
  return Object.values(conversations)
    .filter(({ left }) => !left)
    .sort((a, b) => onTop(b) - onTop(a) || activity(b).localeCompare(activity(a)) || a.id.localeCompare(b.id));
}

/** Whether nobody wants to be told of what is written there. */
export const isMuted = ({ me }, now = Date.now()) => Boolean(me.muted_until) && new Date(me.muted_until) > now;

/** In how many conversations there is something to read that the reader wants to know of. */
export function unreadCount(conversations, now = Date.now()) {
  const calls = (conversation) => conversation.me.unread > 0 && !conversation.me.archived && !isMuted(conversation, now);
  return byActivity(conversations).filter(calls).length;
}

const onTop = ({ me }) => Number(me.pinned ?? false);

const activity = ({ head, created_at }) => head.last_message?.sent_at ?? created_at;

function outdated(held, { head, me }) {
  return head.rev < held.head.rev || (head.rev === held.head.rev && me.read_seq < held.me.read_seq);
}

/** Sending reads everything before. */
function withRead(conversation, seq) {
  const { read_seq, delivered_seq } = conversation.me;
  const me = { ...conversation.me, read_seq: Math.max(read_seq, seq), delivered_seq: Math.max(delivered_seq, seq), unread: 0 };
  return { ...conversation, me };
}

function withLast(head, message) {
  const last = head.last_message;
  const newer = !last || message.seq > last.seq || (message.seq === last.seq && message.rev > last.rev);
  return {
    seq: Math.max(head.seq, message.seq),
    rev: Math.max(head.rev, message.rev),
    last_message: newer ? message : last,
  };
}

function unreadAfter(timeline, seq, me) {
  if (!covers(timeline, seq)) return null;
  return timeline.messages.filter((message) => message.seq > seq && isUnread(message, me)).length;
}

export function isUnread(message, me) {
  return message.kind === "user" && message.sender_id !== me && !message.deleted_at;
}

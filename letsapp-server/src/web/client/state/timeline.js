// @ts-check
// The loaded messages of one conversation: one stretch of history without a gap, up to the newest message unless the reader has
// jumped far back. Pure.
/** @import {Id, Message} from "../../types/protocol.d.ts" */
/** @import {HistoryPage, Timeline} from "../../types/state.d.ts" */

/** @type {Timeline} */
export const EMPTY = { status: "empty", messages: [], reachedStart: false, reachedEnd: true, pending: null };

/** @param {Timeline} timeline */
export const oldest = (timeline) => timeline.messages.at(0);

/** @param {Timeline} timeline */
export const newest = (timeline) => timeline.messages.at(-1);

/**
 * Tells whether every visible message after `seq` is loaded.
 * @param {Timeline} timeline
 * @param {number} seq
 */
export function hasAllAfter(timeline, seq) {
  if (timeline.status !== "ready" || !timeline.reachedEnd) return false;
  const first = oldest(timeline);
  return timeline.reachedStart || (first !== undefined && first.seq <= seq + 1);
}

/**
 * Returns the message with this `seq`, if it is loaded.
 * @param {Timeline} timeline
 * @param {number} seq
 */
export function find(timeline, seq) {
  const message = timeline.messages[indexOf(timeline.messages, seq)];
  return message?.seq === seq ? message : undefined;
}

/**
 * Notes that a page was requested. `pending` is the request's id; a later request replaces it.
 * @param {Timeline} timeline
 * @param {Id} pending
 * @returns {Timeline}
 */
export function requestPage(timeline, pending) {
  return { ...timeline, status: timeline.status === "ready" ? "ready" : "loading", pending };
}

/**
 * Notes that the requested page could not be loaded.
 * @param {Timeline} timeline
 * @param {Id} pending
 * @returns {Timeline}
 */
export function failPage(timeline, pending) {
  if (timeline.pending !== pending) return timeline;
  return timeline.status === "ready" ? { ...timeline, pending: null } : { ...EMPTY, status: "failed" };
}

/**
 * Adds a page of history that adjoins the loaded messages, at either end.
 * @param {Timeline} timeline
 * @param {Id} pending
 * @param {HistoryPage} page
 * @param {Id} me
 * @returns {Timeline}
 */
export function mergePage(timeline, pending, { items, reachedStart, reachedEnd }, me) {
  if (timeline.pending !== pending) return timeline;
  const ends = {
    reachedStart: reachedStart ?? timeline.reachedStart,
    reachedEnd: reachedEnd ?? timeline.reachedEnd,
  };
  return { status: "ready", messages: merged(timeline.messages, items, me), ...ends, pending: null };
}

/**
 * Adds the messages around a jump's target. Where they don't adjoin the loaded ones they replace them, since a timeline has no gap.
 * @param {Timeline} timeline
 * @param {Id} pending
 * @param {HistoryPage} page
 * @param {Id} me
 * @returns {Timeline}
 */
export function mergeAround(timeline, pending, { items, reachedStart = false, reachedEnd = false }, me) {
  if (timeline.pending !== pending) return timeline;
  const seqs = items.map(({ seq }) => seq);
  const [from, to] = [Math.min(...seqs), Math.max(...seqs)];
  const [first, last] = [oldest(timeline)?.seq, newest(timeline)?.seq];
  const adjoins = first !== undefined && last !== undefined && first <= to + 1 && from <= last + 1;
  if (items.length === 0 || !adjoins) {
    return mergePage({ ...EMPTY, pending }, pending, { items, reachedStart, reachedEnd }, me);
  }
  const ends = {
    reachedStart: reachedStart || (first <= from && timeline.reachedStart),
    reachedEnd: reachedEnd || (last >= to && timeline.reachedEnd),
  };
  return mergePage(timeline, pending, { items, ...ends }, me);
}

/**
 * Adds or updates a message that came as an event or a reply. Outside of what is loaded it is left to history: keeping it would
 * make a gap.
 * @param {Timeline} timeline
 * @param {Message} message
 * @param {Id} me
 * @returns {Timeline}
 */
export function applyMessage(timeline, message, me) {
  if (timeline.status === "empty" || timeline.status === "failed") return timeline;
  return isOutside(timeline, message.seq) ? timeline : { ...timeline, messages: merged(timeline.messages, [message], me) };
}

/**
 * @param {Timeline} timeline
 * @param {number} seq
 */
function isOutside(timeline, seq) {
  if (timeline.status !== "ready") return false;
  const before = !timeline.reachedStart && seq < (oldest(timeline)?.seq ?? 0);
  return before || (!timeline.reachedEnd && seq > (newest(timeline)?.seq ?? 0));
}

/**
 * Merges messages by `seq`; of one message the state with the greater `rev` stays.
 * @param {Message[]} messages
 * @param {Message[]} items
 * @param {Id} me
 */
function merged(messages, items, me) {
  const result = messages.slice();
  for (const item of items) {
    const at = indexOf(result, item.seq);
    const held = result[at];
    if (held?.seq !== item.seq) result.splice(at, 0, withMyReaction(item, undefined, me));
    else if (item.rev > held.rev) result[at] = withMyReaction(item, held, me);
    else if (item.rev === held.rev && "my_reaction" in item) result[at] = item;
  }
  return result;
}

/**
 * Fills in the reader's own reaction, which events leave out. It follows from who reacted, as long as the reader is among the
 * users named; otherwise it counts as unchanged.
 * @param {Message} message
 * @param {Message | undefined} held
 * @param {Id} me
 * @returns {Message}
 */
function withMyReaction(message, held, me) {
  if ("my_reaction" in message) return message;
  const mine = message.reactions.find(({ user_ids }) => user_ids.includes(me));
  const kept = message.reactions.find(({ emoji, count, user_ids }) => emoji === held?.my_reaction && count > user_ids.length);
  return { ...message, my_reaction: (mine ?? kept)?.emoji ?? null };
}

/**
 * Returns the index of the message with this `seq`, or the index to insert it at.
 * @param {Message[]} messages
 * @param {number} seq
 */
function indexOf(messages, seq) {
  let low = 0;
  let high = messages.length;
  // Most messages are new ones, which come last.
  if (high > 0 && messages[high - 1].seq < seq) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

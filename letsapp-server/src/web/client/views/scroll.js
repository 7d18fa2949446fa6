// @ts-check
// The arithmetic of scrolling through a chat: which messages are in the document, and where the view is to stay. Pure: it works on
// numbers that the timeline measures.
//
// Only a window of the loaded messages is in the document, since a page with thousands of them is slow. The window moves when the
// view comes near one of its edges. While the view is at the bottom it follows new messages; elsewhere it keeps the first visible
// message where it is.
/** @import {Message} from "../../types/protocol.d.ts" */

/** The messages in the document at most. */
export const WINDOW = 150;
/** The messages by which the window moves. */
export const STEP = 50;
/** The distance to an edge at which the window moves or more is loaded, in pixels: about a screen, so that scrolling never stops. */
export const NEAR_EDGE_PX = 700;
/** The distance below which the view counts as being at the bottom: less than a message, more than rounding and zooming cause. */
const AT_BOTTOM_PX = 48;
/** The part of a message that must be visible for it to count as read. */
const VISIBLE_PX = 16;

/**
 * The `seq` of the first and the last message in the document. Without an end (`to` is null) the window grows with what comes in.
 * @typedef {{from: number, to: number | null}} Window
 */
/** @typedef {{scrollTop: number, scrollHeight: number, clientHeight: number}} Viewport */
/** @typedef {{top: number, bottom: number}} Box */

/**
 * Returns the window of the newest messages.
 * @param {Pick<Message, "seq">[]} messages
 * @returns {Window}
 */
export function newestWindow(messages) {
  return { from: messages.at(-WINDOW)?.seq ?? messages[0]?.seq ?? 0, to: null };
}

/**
 * Returns a window with a message in its middle, null if the message is not loaded.
 * @param {Pick<Message, "seq">[]} messages
 * @param {number} seq
 */
export function windowAround(messages, seq) {
  const at = messages.findIndex((message) => message.seq === seq);
  if (at < 0) return null;
  return windowUpTo(messages, Math.min(messages.length, Math.max(at + WINDOW / 2, WINDOW)));
}

/**
 * Returns the window moved towards older messages, null where it begins with the first one loaded.
 * @param {Pick<Message, "seq">[]} messages
 * @param {Window} window
 */
export function olderWindow(messages, { from }) {
  const first = messages.findIndex(({ seq }) => seq >= from);
  if (first <= 0) return null;
  return windowUpTo(messages, Math.max(0, first - STEP) + WINDOW);
}

/**
 * Returns the window moved towards newer messages, null where it has no end.
 * @param {Pick<Message, "seq">[]} messages
 * @param {Window} window
 */
export function newerWindow(messages, { to }) {
  if (to === null) return null;
  const last = messages.findLastIndex(({ seq }) => seq <= to);
  return windowUpTo(messages, Math.min(messages.length, last + 1 + STEP));
}

/**
 * Returns a window without an end cut back to its size, null while it is not much larger: cutting at each message would redraw the
 * list each time.
 * @param {Pick<Message, "seq">[]} messages
 * @param {Window} window
 */
export function trimmedWindow(messages, { from }) {
  return messagesIn(messages, { from, to: null }).length > WINDOW + STEP ? newestWindow(messages) : null;
}

/**
 * @template {Pick<Message, "seq">} M
 * @param {M[]} messages
 * @param {Window} window
 */
export function messagesIn(messages, { from, to }) {
  return messages.filter(({ seq }) => seq >= from && (to === null || seq <= to));
}

/** @param {Viewport} viewport */
export function distanceToBottom({ scrollHeight, clientHeight, scrollTop }) {
  return scrollHeight - clientHeight - scrollTop;
}

/** @param {Viewport} viewport */
export function isAtBottom(viewport) {
  return distanceToBottom(viewport) < AT_BOTTOM_PX;
}

/**
 * Returns the edge of the window that the view is close to. Of two, the older one: the newer one may come by itself.
 * @param {Viewport} viewport
 */
export function nearEdge(viewport) {
  if (viewport.scrollTop < NEAR_EDGE_PX) return "older";
  return distanceToBottom(viewport) < NEAR_EDGE_PX ? "newer" : null;
}

/**
 * Returns what holds the view in place after messages were added or removed: the "anchor", which is the first message that was
 * visible, or the "bottom". The anchor is null where the view was at the bottom, and not `connected` once it left the document.
 * @param {object} update
 * @param {{connected: boolean} | null} update.anchor
 * @param {boolean} update.following whether the window ends with the newest message
 * @param {boolean} update.sent whether the reader has just sent a message, which they want to see
 */
export function stickTo({ anchor, following, sent }) {
  if (anchor?.connected && !sent) return "anchor";
  return following ? "bottom" : null;
}

/**
 * Returns the scroll position at which the anchor is where it was. `before` and `after` are the anchor's distances to the top of the
 * page before and after the change.
 * @param {number} scrollTop
 * @param {number} before
 * @param {number} after
 */
export function anchoredScrollTop(scrollTop, before, after) {
  return scrollTop + after - before;
}

/**
 * Returns the scroll position that shows the unread divider a quarter down the view, below the last messages that were read.
 * @param {number} offsetTop
 * @param {number} clientHeight
 */
export function dividerScrollTop(offsetTop, clientHeight) {
  return offsetTop - clientHeight / 4;
}

/**
 * Returns the first of the items, from the top down, that reaches below the top of the view.
 * @template Item
 * @param {Item[]} items
 * @param {(item: Item) => Box} boxOf
 * @param {number} top
 */
export function firstVisible(items, boxOf, top) {
  return items.find((item) => boxOf(item).bottom > top);
}

/**
 * Returns the last of the items, from the top down, of which enough is above the bottom of the view to be read.
 * @template Item
 * @param {Item[]} items
 * @param {(item: Item) => Box} boxOf
 * @param {number} bottom
 */
export function lastVisible(items, boxOf, bottom) {
  return items.findLast((item) => boxOf(item).top < bottom - VISIBLE_PX);
}

/**
 * Returns the window that ends before the index `end`. It has no end where that is past the last message.
 * @param {Pick<Message, "seq">[]} messages
 * @param {number} end
 * @returns {Window}
 */
function windowUpTo(messages, end) {
  return {
    from: messages[Math.max(0, end - WINDOW)].seq,
    to: end < messages.length ? messages[end - 1].seq : null,
  };
}

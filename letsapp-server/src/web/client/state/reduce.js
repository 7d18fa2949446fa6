// @ts-check
// The reducer of the whole state of a signed-in client. Pure: no clock, no network, no DOM.
/** @import {Conversation, Id, Message, Profile, Receipt, SyncReply, Watermarks} from "../../types/protocol.d.ts" */
/** @import {Action, HistoryPage, State, Timeline, Toast} from "../../types/state.d.ts" */
import * as conversations from "./conversations.js";
import * as people from "./people.js";
import * as receipts from "./receipts.js";
import * as revs from "./revs.js";
import * as timeline from "./timeline.js";

/**
 * @param {Profile} user
 * @returns {State}
 */
export function initialState(user) {
  return {
    me: user,
    connection: { status: "connecting", retryAt: null },
    ready: false,
    users: { [user.id]: user },
    conversations: {},
    leftGroups: null,
    timelines: {},
    revs: {},
    receipts: {},
    members: {},
    quoted: {},
    target: null,
    turn: 0,
    contacts: null,
    blocks: null,
    presence: {},
    typing: {},
    outbox: [],
    uploads: [],
    media: {},
    toasts: [],
  };
}

/** @type {{[Type in Action["type"]]: (state: State, action: Extract<Action, {type: Type}>) => State}} */
const TRANSITIONS = {
  connection: (state, { status, retryAt = null }) => ({ ...state, connection: { status, retryAt } }),
  synced: (state, { reply }) => applySync(state, reply),
  restored: (state) => forgetConversations(state),
  conversation: (state, { conversation }) => mergeConversation(state, conversation),
  left: (state, { id }) => markLeft(state, id),
  leftGroups: (state, { items }) => setLeftGroups(state, items),
  unlisted: (state, { id }) => unlist(state, id),
  message: (state, { message, created }) => applyMessage(state, message, created),
  rev: (state, { conversation_id, rev }) =>
    state.revs[conversation_id] ? replaced(state, "revs", conversation_id, (held) => revs.addRev(held, rev)) : state,
  receipts: (state, { conversation_id, items }) => items.reduce((next, item) => applyReceipt(next, conversation_id, item), state),
  // The list is complete, so members who are gone or hide their receipts by now are dropped.
  receiptsLoaded: (state, { conversation_id, items }) =>
    replaced(state, "receipts", conversation_id, (held = {}) => onlyOf(items, items.reduce(receipts.raiseReceipt, held))),
  historyRequested: (state, { conversation_id, pending }) =>
    changedTimeline(state, conversation_id, (held) => timeline.requestPage(held, pending)),
  historyFailed: (state, { conversation_id, pending }) =>
    changedTimeline(state, conversation_id, (held) => timeline.failPage(held, pending)),
  history: (state, { conversation_id, pending, ...page }) =>
    changedTimeline(state, conversation_id, (held) =>
      timeline.mergePage(held, pending, checkedEnd(state, conversation_id, page), state.me.id),
    ),
  historyAround: (state, { conversation_id, pending, ...page }) =>
    changedTimeline(state, conversation_id, (held) =>
      timeline.mergeAround(held, pending, checkedEnd(state, conversation_id, page), state.me.id),
    ),
  target: (state, { target }) => ({ ...state, target: { ...target, turn: state.turn + 1 }, turn: state.turn + 1 }),
  targetCleared: (state) => ({ ...state, target: null }),
  quoted: (state, { conversation_id, seq, message }) =>
    replaced(state, "quoted", conversation_id, (held) => ({ ...held, [seq]: message })),
  users: (state, { users }) => people.mergeUsers(state, users),
  profile: (state, { profile }) => people.mergeUsers({ ...state, me: profile }, [publicProfile(profile)]),
  contacts: (state, { items }) => people.setContacts(state, items),
  contact: (state, { item }) => people.addContact(state, item),
  contactRemoved: (state, { id }) => people.removeContact(state, id),
  blocks: (state, { items }) => people.setBlocks(state, items),
  blocked: (state, { id, at }) => people.addBlock(state, id, at),
  unblocked: (state, { id }) => people.removeBlock(state, id),
  presence: (state, { items }) => people.mergePresence(state, items),
  presenceCleared: (state) => ({ ...state, presence: {}, typing: {} }),
  typing: people.applyTyping,
  members: (state, { conversation_id, items }) =>
    people.mergeUsers(
      replaced(state, "members", conversation_id, () => items),
      items.map(({ user }) => user),
    ),
  outbox: (state, { items }) => ({ ...state, outbox: items }),
  uploads: (state, { items }) => ({ ...state, uploads: items }),
  media: (state, { item }) => replaced(state, "media", item.id, () => item),
  mediaMissing: (state, { id }) => replaced(state, "media", id, () => null),
  // Three are as many as a phone's screen has room for.
  toast: (state, { toast }) => ({
    ...state,
    toasts: [...state.toasts.filter((other) => !replacesToast(toast, other)), toast].slice(-3),
  }),
  toastDismissed: (state, { id }) => ({ ...state, toasts: state.toasts.filter((toast) => toast.id !== id) }),
  conversationOpened: (state, { conversation_id }) => ({
    ...state,
    toasts: state.toasts.filter((toast) => toast.conversation_id !== conversation_id),
  }),
};

/**
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  // The table's type ties each transition to its action; TypeScript can't follow that through an index.
  const transition = /** @type {(state: State, action: Action) => State} */ (TRANSITIONS[action.type]);
  return transition(state, action);
}

/**
 * Returns the positions to send with `sync`: the change number up to which each conversation is complete.
 * @param {State} state
 */
export function syncPositions(state) {
  return Object.fromEntries(Object.entries(state.revs).map(([id, { upTo }]) => [id, upTo]));
}

/**
 * @param {State} state
 * @param {Id} id
 */
export const timelineOf = (state, id) => state.timelines[id] ?? timeline.EMPTY;

/**
 * Returns the ids of the conversations of which changes are missing.
 * @param {State} state
 */
export function conversationsWithGaps(state) {
  return Object.keys(state.revs).filter((id) => revs.hasGap(state.revs[id], state.conversations[id].head.rev));
}

/**
 * @param {State} state
 * @param {SyncReply} reply
 */
function applySync(state, reply) {
  let next = { ...state, ready: state.ready || !reply.more };
  for (const message of reply.changes) next = applyToTimeline(next, message);
  // What is reset may have gone back, after a restore of the server's store, so nothing that is held counts.
  const reset = new Set(reply.reset);
  for (const id of reset) next = forgetDetails(next, id);
  for (const conversation of reply.conversations) {
    next = mergeConversation(reset.has(conversation.id) ? forgetConversation(next, conversation.id) : next, conversation);
  }
  for (const [id, upTo] of Object.entries(reply.positions)) {
    if (next.revs[id]) next = replaced(next, "revs", id, (held) => revs.advanceTo(held, upTo));
  }
  for (const id of reply.removed) next = markLeft(next, id);
  return next;
}

/**
 * @param {State} state
 * @param {Id} id
 */
function forgetConversation(state, id) {
  const { [id]: _, ...kept } = state.conversations;
  return { ...state, conversations: kept };
}

/**
 * Forgets the messages of a conversation and their receipts. Those of a group keep their place, so that they are loaded again with
 * the others.
 * @param {State} state
 * @param {Id} id
 */
function forgetDetails(state, id) {
  const { [id]: _, ...quoted } = state.quoted;
  const receipts = id in state.receipts ? { ...state.receipts, [id]: undefined } : state.receipts;
  return changedTimeline({ ...state, quoted, receipts }, id, () => timeline.EMPTY);
}

/**
 * Removes a conversation that the reader has left, with all that is known of it.
 * @param {State} state
 * @param {Id} id
 */
function unlist(state, id) {
  const without = (/** @type {Record<Id, unknown>} */ { [id]: _, ...kept }) => kept;
  const tables = /** @type {const} */ (["conversations", "timelines", "revs", "receipts", "members", "quoted"]);
  const kept = Object.fromEntries(tables.map((table) => [table, without(state[table])]));
  return { ...state, ...kept, leftGroups: state.leftGroups && state.leftGroups.filter((other) => other !== id) };
}

/**
 * Forgets all that the server may not have any more. What waits to be sent stays.
 * @param {State} state
 */
function forgetConversations(state) {
  const { conversations, leftGroups, timelines, revs, receipts, members, quoted, target, ready } = initialState(state.me);
  return { ...state, conversations, leftGroups, timelines, revs, receipts, members, quoted, target, ready };
}

/**
 * @param {State} state
 * @param {Conversation} conversation
 */
function mergeConversation(state, conversation) {
  const { id, peer, peer_receipt, head } = conversation;
  const held = state.conversations[id];
  let next = replaced(state, "conversations", id, () => conversations.mergeConversation(held, conversation));
  // What is new in a conversation that the reader has left are their own settings: the messages stay as they are.
  if (next.conversations[id].left) return withoutRevs(next, id);
  if (!held || held.left) {
    next = changedTimeline(next, id, () => timeline.EMPTY);
    next = replaced(next, "revs", id, () => revs.advanceTo(undefined, head.rev));
  }
  if (peer) next = people.mergeUsers(next, [peer]);
  if (peer && peer_receipt) next = raiseReceipt(next, id, { user_id: peer.id, ...peer_receipt });
  return next;
}

/**
 * Replaces the list of groups that the reader has left. One that they are in again by now stays as it is.
 * @param {State} state
 * @param {Conversation[]} items
 */
function setLeftGroups(state, items) {
  const left = items.filter(({ id }) => state.conversations[id]?.left !== false);
  const next = left.reduce(mergeConversation, state);
  return { ...next, leftGroups: left.map(({ id }) => id) };
}

/**
 * Marks a conversation as left. Its messages stay as they are; its changes are no longer followed.
 * @param {State} state
 * @param {Id} id
 */
function markLeft(state, id) {
  if (!state.conversations[id]) return state;
  return replaced(withoutRevs(state, id), "conversations", id, (held) => ({ ...held, left: true }));
}

/**
 * Follows the changes of a conversation no longer.
 * @param {State} state
 * @param {Id} id
 */
function withoutRevs(state, id) {
  const { [id]: _, ...kept } = state.revs;
  return { ...state, revs: kept };
}

/**
 * @param {State} state
 * @param {Message} message
 * @param {boolean} created
 */
function applyMessage(state, message, created) {
  const { conversation_id: id, sender_id, seq, rev } = message;
  if (!state.conversations[id] || !state.revs[id]) return state;
  const isNewRev = !revs.hasRev(state.revs[id], rev);
  let next = applyToTimeline(state, message);
  if (created && sender_id) next = people.applyTyping(next, { conversation_id: id, user_id: sender_id, typing: false });
  next = replaced(next, "conversations", id, (held) =>
    conversations.applyMessage(held, message, { isNewRev, created, me: state.me.id }),
  );
  next = replaced(next, "revs", id, (held) => revs.addRev(held, rev));
  return sender_id && message.kind === "user"
    ? raiseReceipt(next, id, { user_id: sender_id, delivered_seq: seq, read_seq: seq })
    : next;
}

/**
 * @param {State} state
 * @param {Message} message
 */
function applyToTimeline(state, message) {
  const { conversation_id: id, seq, rev } = message;
  const next = changedTimeline(state, id, (held) => timeline.applyMessage(held, message, state.me.id));
  const quoted = next.quoted[id]?.[seq];
  return quoted && quoted.rev < rev ? replaced(next, "quoted", id, (held) => ({ ...held, [seq]: message })) : next;
}

/**
 * Corrects a page that claims to end at the newest message, where newer ones have come since the server made it.
 * @param {State} state
 * @param {Id} id
 * @param {HistoryPage} page
 */
function checkedEnd(state, id, page) {
  const held = state.conversations[id];
  // Forgotten while the page was on its way.
  if (!held) return page;
  const { left, head } = held;
  const seqs = [...page.items, ...timelineOf(state, id).messages.slice(-1)].map(({ seq }) => seq);
  const behind = !left && Math.max(0, ...seqs) < head.seq;
  return page.reachedEnd && behind ? { ...page, reachedEnd: false } : page;
}

/**
 * Tells whether a toast takes another's place: of one conversation only the latest message is shown, and no text twice.
 * @param {Toast} toast
 * @param {Toast} other
 */
function replacesToast(toast, other) {
  if (toast.conversation_id !== other.conversation_id) return false;
  return toast.conversation_id !== undefined || toast.text === other.text;
}

/** @param {Profile} profile */
function publicProfile({ email: _, settings: __, ...user }) {
  return user;
}

/**
 * @param {State} state
 * @param {Id} id
 * @param {(held: Timeline) => Timeline} change
 */
function changedTimeline(state, id, change) {
  return replaced(state, "timelines", id, (held = timeline.EMPTY) => change(held));
}

/**
 * @param {State} state
 * @param {Id} id
 * @param {Receipt} item
 */
function applyReceipt(state, id, item) {
  const held = state.conversations[id];
  if (!held) return state;
  const next = raiseReceipt(state, id, item);
  if (item.user_id !== state.me.id) return next;
  return replaced(next, "conversations", id, () => conversations.applyOwnReceipt(held, item, timelineOf(state, id), state.me.id));
}

/**
 * Raises a member's watermarks, unless they belong to a group whose receipts were never requested: with the receipts of a few
 * members only, a message would seem to be read by all.
 * @param {State} state
 * @param {Id} id
 * @param {Receipt} item
 */
function raiseReceipt(state, id, item) {
  const held = state.receipts[id] ?? (state.conversations[id]?.kind === "direct" ? {} : undefined);
  return held ? replaced(state, "receipts", id, () => receipts.raiseReceipt(held, item)) : state;
}

/**
 * @param {Receipt[]} items
 * @param {Record<Id, Watermarks>} table
 */
function onlyOf(items, table) {
  return Object.fromEntries(items.map(({ user_id }) => [user_id, table[user_id]]));
}

/**
 * Returns the state with one entry of one of its tables replaced by the result of `change`; the same object if that is no change,
 * so that listeners can tell changes by identity.
 * @template {"conversations" | "timelines" | "revs" | "receipts" | "members" | "quoted" | "media"} Table
 * @param {State} state
 * @param {Table} table
 * @param {Id} key
 * @param {(held: State[Table][Id]) => State[Table][Id]} change
 * @returns {State}
 */
function replaced(state, table, key, change) {
  const entries = /** @type {Record<Id, State[Table][Id]>} */ (state[table]);
  const held = entries[key];
  const next = change(held);
  return next === held ? state : { ...state, [table]: { ...entries, [key]: next } };
}

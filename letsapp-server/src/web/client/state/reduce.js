// The whole state of a signed-in client, and every way in which it changes. Pure: no clock, no network, no DOM.
import * as conversations from "./conversations.js";
import * as people from "./people.js";
import * as receipts from "./receipts.js";
import * as revs from "./revs.js";
import * as timeline from "./timeline.js";

export function initial(user) {
  return {
    me: user,
    /** "connecting" until the first sync, then "online" or "offline"; `retryAt` is when the next attempt is made. */
    connection: { status: "connecting", retryAt: null },
    /** Whether the list of conversations is here. */
    ready: false,
    users: user ? { [user.id]: user } : {},
    conversations: {},
    timelines: {},
    revs: {},
    receipts: {},
    members: {},
    /** Messages that others answer, fetched for their quotes: `{conversation_id: {seq: message}}`, null where one can't be seen. */
    quoted: {},
    /** The message to be shown next: `{conversation_id, seq, highlights, turn}`, `turn` telling one jump from the next. */
    target: null,
    turn: 0,
    /** `{user_id: {alias, added_at}}` and `{user_id: {blocked_at}}`, null until they are loaded. */
    contacts: null,
    blocks: null,
    presence: {},
    /** Who is writing: `{conversation_id: [user_id]}`. */
    typing: {},
    /** Messages that the server hasn't acknowledged yet, oldest first. */
    outbox: [],
    toasts: [],
  };
}

const TRANSITIONS = {
  connection: (state, { status, retryAt = null }) => ({ ...state, connection: { status, retryAt } }),
  synced,
  conversation: (state, { conversation }) => withConversation(state, conversation),
  left: (state, { id }) => withLeft(state, id),
  message: (state, { message, created }) => withMessage(state, message, created),
  rev: (state, { conversation_id, rev }) =>
    state.revs[conversation_id] ? keyed(state, "revs", conversation_id, (held) => revs.learn(held, rev)) : state,
  receipts: (state, { conversation_id, items }) => items.reduce((next, item) => withReceipt(next, conversation_id, item), state),
  /** All that the members of a group show: from here on its ticks can be told. */
  receiptsLoaded: (state, { conversation_id, items }) =>
    keyed(state, "receipts", conversation_id, (held = {}) => onlyOf(items, items.reduce(receipts.raise, held))),
  historyAsked: (state, { conversation_id, asking }) =>
    withTimeline(state, conversation_id, (held) => timeline.asked(held, asking)),
  historyRefused: (state, { conversation_id, asking }) =>
    withTimeline(state, conversation_id, (held) => timeline.refused(held, asking)),
  history: (state, { conversation_id, asking, ...page }) =>
    withTimeline(state, conversation_id, (held) =>
      timeline.page(held, asking, toHead(state, conversation_id, page), state.me.id),
    ),
  placed: (state, { conversation_id, asking, ...page }) =>
    withTimeline(state, conversation_id, (held) =>
      timeline.place(held, asking, toHead(state, conversation_id, page), state.me.id),
    ),
  target: (state, { target }) => ({ ...state, target: { ...target, turn: state.turn + 1 }, turn: state.turn + 1 }),
  targetGone: (state) => ({ ...state, target: null }),
  quoted: (state, { conversation_id, seq, message }) =>
    keyed(state, "quoted", conversation_id, (held) => ({ ...held, [seq]: message })),
  users: (state, { users }) => people.withUsers(state, users),
  profile: (state, { profile }) => people.withUsers({ ...state, me: profile }, [publicPart(profile)]),
  contacts: (state, { items }) => people.withContacts(state, items),
  contact: (state, { item }) => people.withContact(state, item),
  contactGone: (state, { id }) => people.withoutContact(state, id),
  blocks: (state, { items }) => people.withBlocks(state, items),
  blocked: (state, { id, at }) => people.withBlock(state, id, at),
  unblocked: (state, { id }) => people.withoutBlock(state, id),
  presence: (state, { items }) => people.withPresence(state, items),
  presenceLost: (state) => ({ ...state, presence: {}, typing: {} }),
  typing: people.withTyping,
  members: (state, { conversation_id, items }) =>
    people.withUsers(
      keyed(state, "members", conversation_id, () => items),
      items.map(({ user }) => user),
    ),
  outbox: (state, { items }) => ({ ...state, outbox: items }),
  toast: (state, { toast }) => ({
    ...state,
    toasts: [...state.toasts.filter((other) => !sameToast(other, toast)), toast].slice(-3),
  }),
  toastsSeen: (state, { conversation_id }) => ({
    ...state,
    toasts: state.toasts.filter((toast) => toast.conversation_id !== conversation_id),
  }),
  toastGone: (state, { id }) => ({ ...state, toasts: state.toasts.filter((toast) => toast.id !== id) }),
};

export function reduce(state, action) {
  return TRANSITIONS[action.type](state, action);
}

/** What `sync` is to be told: how much of each conversation is here without a hole. */
export function positions(state) {
  return Object.fromEntries(Object.entries(state.revs).map(([id, { at }]) => [id, at]));
}

export const timelineOf = (state, id) => state.timelines[id] ?? timeline.EMPTY;

/** Conversations of which something was missed. */
export function holes(state) {
  return Object.keys(state.revs).filter((id) => revs.holed(state.revs[id], state.conversations[id].head.rev));
}

function synced(state, { reply }) {
  let next = { ...state, ready: state.ready || !reply.more };
  for (const message of reply.changes) next = withTimelineMessage(next, message);
  for (const conversation of reply.conversations) next = withConversation(next, conversation);
  for (const [id, at] of Object.entries(reply.positions)) {
    if (next.revs[id]) next = keyed(next, "revs", id, (held) => revs.jump(held, at));
  }
  for (const id of reply.reset) next = withTimeline(next, id, () => timeline.EMPTY);
  for (const id of reply.removed) next = withLeft(next, id);
  return next;
}

function withConversation(state, conversation) {
  const { id, peer, peer_receipt, head } = conversation;
  const held = state.conversations[id];
  let next = keyed(state, "conversations", id, () => conversations.snapshot(held, conversation));
  if (!held || held.left) {
    next = withTimeline(next, id, () => timeline.EMPTY);
    next = keyed(next, "revs", id, () => revs.jump(undefined, head.rev));
  }
  if (peer) next = people.withUsers(next, [peer]);
  if (peer && peer_receipt) next = withRaised(next, id, { user_id: peer.id, ...peer_receipt });
  return next;
}

function withLeft(state, id) {
  if (!state.conversations[id]) return state;
  const { [id]: _, ...kept } = state.revs;
  return keyed({ ...state, revs: kept }, "conversations", id, (held) => ({ ...held, left: true }));
}

function withMessage(state, message, created) {
  const { conversation_id: id, sender_id, seq, rev } = message;
  if (!state.conversations[id] || !state.revs[id]) return state;
  const fresh = !revs.known(state.revs[id], rev);
  let next = withTimelineMessage(state, message);
  if (created && sender_id) next = people.withTyping(next, { conversation_id: id, user_id: sender_id, typing: false });
  next = keyed(next, "conversations", id, (held) =>
    conversations.withMessage(held, message, { fresh, created, me: state.me.id }),
  );
  next = keyed(next, "revs", id, (held) => revs.learn(held, rev));
  return sender_id && message.kind === "user"
    ? withRaised(next, id, { user_id: sender_id, delivered_seq: seq, read_seq: seq })
    : next;
}

function withTimelineMessage(state, message) {
  const { conversation_id: id, seq, rev } = message;
  const next = withTimeline(state, id, (held) => timeline.put(held, message, state.me.id));
  const quoted = next.quoted[id]?.[seq];
  return quoted && quoted.rev < rev ? keyed(next, "quoted", id, (held) => ({ ...held, [seq]: message })) : next;
}

/** A page that seemed the last one isn't where more has come since it was made. */
function toHead(state, id, page) {
  const { left, head } = state.conversations[id];
  const seqs = [...page.items, ...timelineOf(state, id).messages.slice(-1)].map(({ seq }) => seq);
  const behind = !left && Math.max(0, ...seqs) < head.seq;
  return page.reachedEnd && behind ? { ...page, reachedEnd: false } : page;
}

/** Of one conversation only the latest message is told. */
function sameToast(a, b) {
  return a.conversation_id === b.conversation_id && (a.conversation_id !== undefined || a.text === b.text);
}

function publicPart({ email: _, settings: __, ...user }) {
  return user;
}

function withTimeline(state, id, change) {
  return keyed(state, "timelines", id, (held = timeline.EMPTY) => change(held));
}

function withReceipt(state, id, item) {
  const held = state.conversations[id];
  if (!held) return state;
  const next = withRaised(state, id, item);
  if (item.user_id !== state.me.id) return next;
  return keyed(next, "conversations", id, () => conversations.withReceipt(held, item, timelineOf(state, id), state.me.id));
}

/** A group whose receipts weren't asked for has none: those of a few members would say that all have read. */
function withRaised(state, id, item) {
  const nothing = state.conversations[id]?.kind === "direct" ? {} : undefined;
  return keyed(state, "receipts", id, (held = nothing) => held && receipts.raise(held, item));
}

function onlyOf(items, table) {
  return Object.fromEntries(items.map(({ user_id }) => [user_id, table[user_id]]));
}

/** `state` with one entry of one of its tables replaced by what `change` makes of it; the same object if that is the same. */
function keyed(state, table, key, change) {
  const held = state[table][key];
  const next = change(held);
  return next === held ? state : { ...state, [table]: { ...state[table], [key]: next } };
}

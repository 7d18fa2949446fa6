// @ts-check
// Reducers of everything about users: profiles, the reader's contacts and blocks, presence, typing. Pure.
/** @import {Block, Contact, Id, PresenceItem, Timestamp, TypingData, User} from "../../types/protocol.d.ts" */
/** @import {Person, State} from "../../types/state.d.ts" */

/**
 * Adds or replaces profiles. A contact keeps the alias that the reader gave them.
 * @param {State} state
 * @param {User[]} users
 * @returns {State}
 */
export function mergeUsers(state, users) {
  const named = users.map((user) => withAlias(user, state.contacts));
  const changed = named.filter((user) => JSON.stringify(state.users[user.id]) !== JSON.stringify(user));
  if (changed.length === 0) return state;
  return { ...state, users: { ...state.users, ...byId(changed) } };
}

/**
 * Replaces the list of contacts.
 * @param {State} state
 * @param {Contact[]} items
 */
export function setContacts(state, items) {
  const contacts = Object.fromEntries(items.map(({ user, alias, added_at }) => [user.id, { alias, added_at }]));
  // Every known user is merged again: a user who is no longer a contact loses their alias.
  const known = { ...state.users, ...byId(items.map(({ user }) => user)) };
  return mergeUsers({ ...state, contacts }, Object.values(known));
}

/**
 * @param {State} state
 * @param {Contact} contact
 */
export function addContact(state, { user, alias, added_at }) {
  return mergeUsers({ ...state, contacts: { ...state.contacts, [user.id]: { alias, added_at } } }, [user]);
}

/**
 * @param {State} state
 * @param {Id} userId
 */
export function removeContact(state, userId) {
  const { [userId]: _, ...contacts } = state.contacts ?? {};
  return mergeUsers({ ...state, contacts }, state.users[userId] ? [state.users[userId]] : []);
}

/**
 * Replaces the list of blocked users.
 * @param {State} state
 * @param {Block[]} items
 */
export function setBlocks(state, items) {
  const blocks = Object.fromEntries(items.map(({ user, blocked_at }) => [user.id, { blocked_at }]));
  return mergeUsers(
    { ...state, blocks },
    items.map(({ user }) => user),
  );
}

/**
 * @param {State} state
 * @param {Id} userId
 * @param {Timestamp} blocked_at
 * @returns {State}
 */
export function addBlock(state, userId, blocked_at) {
  return { ...state, blocks: { ...state.blocks, [userId]: { blocked_at } } };
}

/**
 * @param {State} state
 * @param {Id} userId
 * @returns {State}
 */
export function removeBlock(state, userId) {
  const { [userId]: _, ...blocks } = state.blocks ?? {};
  return { ...state, blocks };
}

/**
 * @param {State} state
 * @param {PresenceItem[]} items
 * @returns {State}
 */
export function mergePresence(state, items) {
  const changed = Object.fromEntries(items.map(({ user_id, status, last_seen_at }) => [user_id, { status, last_seen_at }]));
  return { ...state, presence: { ...state.presence, ...changed } };
}

/**
 * Notes that another user has started or stopped typing. A repeated event is no change.
 * @param {State} state
 * @param {TypingData} event
 * @returns {State}
 */
export function applyTyping(state, { conversation_id, user_id, typing }) {
  const held = state.typing[conversation_id] ?? [];
  if (held.includes(user_id) === typing || user_id === state.me.id) return state;
  const present = typing ? [...held, user_id] : held.filter((id) => id !== user_id);
  return { ...state, typing: { ...state.typing, [conversation_id]: present } };
}

/**
 * @param {Person} user
 * @param {State["contacts"]} contacts
 * @returns {Person}
 */
function withAlias({ alias: _, ...user }, contacts) {
  const alias = contacts?.[user.id]?.alias;
  return alias ? { ...user, alias } : user;
}

/**
 * @template {User} T
 * @param {T[]} users
 */
function byId(users) {
  return Object.fromEntries(users.map((user) => [user.id, user]));
}

// Everyone whom the client knows: profiles, the reader's contacts and blocks, who is online, who is writing.

/** Takes profiles. A contact is called what the reader calls them. */
export function withUsers(state, users) {
  const named = users.map((user) => called(user, state.contacts));
  const fresh = named.filter((user) => JSON.stringify(state.users[user.id]) !== JSON.stringify(user));
  if (fresh.length === 0) return state;
  return { ...state, users: { ...state.users, ...byId(fresh) } };
}

/** Takes the whole list of contacts. */
export function withContacts(state, items) {
  const contacts = Object.fromEntries(items.map(({ user, alias, added_at }) => [user.id, { alias, added_at }]));
  const known = { ...state.users, ...byId(items.map(({ user }) => user)) };
  return withUsers({ ...state, contacts }, Object.values(known));
}

export function withContact(state, { user, alias, added_at }) {
  return withUsers({ ...state, contacts: { ...state.contacts, [user.id]: { alias, added_at } } }, [user]);
}

export function withoutContact(state, userId) {
  const { [userId]: _, ...contacts } = state.contacts ?? {};
  return withUsers({ ...state, contacts }, state.users[userId] ? [state.users[userId]] : []);
}

/** Takes the whole list of those who are blocked. */
export function withBlocks(state, items) {
  const blocks = Object.fromEntries(items.map(({ user, blocked_at }) => [user.id, { blocked_at }]));
  return withUsers(
    { ...state, blocks },
    items.map(({ user }) => user),
  );
}

export function withBlock(state, userId, blocked_at) {
  return { ...state, blocks: { ...state.blocks, [userId]: { blocked_at } } };
}

export function withoutBlock(state, userId) {
  const { [userId]: _, ...blocks } = state.blocks ?? {};
  return { ...state, blocks };
}

export function withPresence(state, items) {
  const table = Object.fromEntries(items.map(({ user_id, status, last_seen_at }) => [user_id, { status, last_seen_at }]));
  return { ...state, presence: { ...state.presence, ...table } };
}

/** Somebody has begun to write, or stopped; the same again is no change. */
export function withTyping(state, { conversation_id, user_id, typing }) {
  const held = state.typing[conversation_id] ?? [];
  if (held.includes(user_id) === typing || user_id === state.me.id) return state;
  const present = typing ? [...held, user_id] : held.filter((id) => id !== user_id);
  return { ...state, typing: { ...state.typing, [conversation_id]: present } };
}

function called({ alias: _, ...user }, contacts) {
  const alias = contacts?.[user.id]?.alias;
  return alias ? { ...user, alias } : user;
}

function byId(users) {
  return Object.fromEntries(users.map((user) => [user.id, user]));
}

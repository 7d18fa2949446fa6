// The HTTP routes that the client uses, by their names in the contract.
import { exchange } from "./http.js";

export class Api {
  #session;
  #exchange;

  constructor(session, send = exchange) {
    this.#session = session;
    this.#exchange = send;
  }

  register(account) {
    return this.#exchange("POST", "/v1/auth/register", { body: account });
  }

  login(credentials) {
    return this.#exchange("POST", "/v1/auth/login", { body: credentials });
  }

  logout() {
    return this.#call("POST", "/v1/auth/logout");
  }

  changePassword(current_password, new_password) {
    return this.#call("POST", "/v1/auth/password", { current_password, new_password });
  }

  sessions() {
    return this.#call("GET", "/v1/auth/sessions").then(({ items }) => items);
  }

  endSession(id) {
    return this.#call("DELETE", `/v1/auth/sessions/${id}`);
  }

  me() {
    return this.#call("GET", "/v1/me");
  }

  changeMe(changes) {
    return this.#call("PATCH", "/v1/me", changes);
  }

  deleteMe(password) {
    return this.#call("DELETE", "/v1/me", { password });
  }

  user(id) {
    return this.#call("GET", `/v1/users/${id}`);
  }

  findUsers(query) {
    return this.#call("GET", `/v1/users?${new URLSearchParams({ query, limit: 20 })}`);
  }

  contacts() {
    return this.#all("/v1/contacts");
  }

  keepContact(userId, alias) {
    return this.#call("PUT", `/v1/contacts/${userId}`, { alias });
  }

  removeContact(userId) {
    return this.#call("DELETE", `/v1/contacts/${userId}`);
  }

  blocks() {
    return this.#all("/v1/blocks");
  }

  block(userId) {
    return this.#call("PUT", `/v1/blocks/${userId}`);
  }

  unblock(userId) {
    return this.#call("DELETE", `/v1/blocks/${userId}`);
  }

  conversation(id) {
    return this.#call("GET", `/v1/conversations/${id}`);
  }

  createDirect(userId) {
    return this.#call("POST", "/v1/conversations", { kind: "direct", user_id: userId });
  }

  createGroup(id, title, memberIds) {
    return this.#call("POST", "/v1/conversations", { id, kind: "group", title, member_ids: memberIds });
  }

  changeGroup(id, changes) {
    return this.#call("PATCH", `/v1/conversations/${id}`, changes);
  }

  deleteGroup(id) {
    return this.#call("DELETE", `/v1/conversations/${id}`);
  }

  /** Changes the reader's own part in a conversation: `{muted_until?, archived?, pinned?}`. */
  changeMine(id, changes) {
    return this.#call("PATCH", `/v1/conversations/${id}/me`, changes);
  }

  members(conversationId) {
    return this.#all(`/v1/conversations/${conversationId}/members`);
  }

  addMembers(conversationId, userIds) {
    return this.#call("POST", `/v1/conversations/${conversationId}/members`, { user_ids: userIds });
  }

  changeRole(conversationId, userId, role) {
    return this.#call("PATCH", `/v1/conversations/${conversationId}/members/${userId}`, { role });
  }

  removeMember(conversationId, userId) {
    return this.#call("DELETE", `/v1/conversations/${conversationId}/members/${userId}`);
  }

  receipts(conversationId) {
    return this.#all(`/v1/conversations/${conversationId}/receipts`);
  }

  /** A page of history: below `before`, newest first, or above `after`, oldest first. */
  history(conversationId, { before, after, limit }) {
    const query = new URLSearchParams({ limit });
    if (before !== undefined) query.set("before", before);
    if (after !== undefined) query.set("after", after);
    return this.#call("GET", `/v1/conversations/${conversationId}/messages?${query}`);
  }

  message(conversationId, seq) {
    return this.#call("GET", `/v1/conversations/${conversationId}/messages/${seq}`);
  }

  reactions(conversationId, seq) {
    return this.#all(`/v1/conversations/${conversationId}/messages/${seq}/reactions`);
  }

  /** A page of what is found: `q`, and perhaps `conversation_id` and `cursor`. */
  search(query) {
    const given = Object.entries(query).filter(([, value]) => value);
    return this.#call("GET", `/v1/search?${new URLSearchParams([...given, ["limit", 30]])}`);
  }

  sync(request) {
    return this.#call("POST", "/v1/sync", request);
  }

  /** A call on behalf of the user; a token that the server finds stale is renewed once. */
  async #call(method, path, body) {
    const token = await this.#session.accessToken();
    try {
      return await this.#exchange(method, path, { token, body });
    } catch (problem) {
      if (!problem.unauthenticated) throw problem;
    }
    return this.#exchange(method, path, { token: await this.#session.renewed(token), body });
  }

  async #all(path) {
    const items = [];
    let cursor = null;
    do {
      const query = new URLSearchParams({ limit: 200 });
      if (cursor) query.set("cursor", cursor);
      const page = await this.#call("GET", `${path}?${query}`);
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return items;
  }
}

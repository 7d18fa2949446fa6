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

  me() {
    return this.#call("GET", "/v1/me");
  }

  user(id) {
    return this.#call("GET", `/v1/users/${id}`);
  }

  findUsers(query) {
    return this.#call("GET", `/v1/users?${new URLSearchParams({ query, limit: 20 })}`);
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

  members(conversationId) {
    return this.#all(`/v1/conversations/${conversationId}/members`);
  }

  addMembers(conversationId, userIds) {
    return this.#call("POST", `/v1/conversations/${conversationId}/members`, { user_ids: userIds });
  }

  removeMember(conversationId, userId) {
    return this.#call("DELETE", `/v1/conversations/${conversationId}/members/${userId}`);
  }

  receipts(conversationId) {
    return this.#all(`/v1/conversations/${conversationId}/receipts`);
  }

  /** A page of history below `before`, newest first. */
  history(conversationId, { before, limit }) {
    const query = new URLSearchParams({ limit });
    if (before !== undefined) query.set("before", before);
    return this.#call("GET", `/v1/conversations/${conversationId}/messages?${query}`);
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

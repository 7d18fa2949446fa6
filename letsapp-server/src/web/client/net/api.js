// @ts-check
// The HTTP routes that the client uses, a method each.
/**
 * @import {
 *   Block, Contact, Conversation, Credentials, DeviceSession, GroupChanges, HistoryQuery, Id, Media, MediaUrl, Member,
 *   MembershipChanges, Message, Page, Profile, ProfileChanges, Receipt, Registration, Role, SearchQuery, SearchResults, SignedIn,
 *   SyncReply, SyncRequest, User, UserReaction, Variant
 * } from "../../types/protocol.d.ts"
 * @import {ResumableFile} from "./resumable.js"
 * @import {Session} from "./session.js"
 */
import { exchange, Problem } from "./http.js";
import { uploadInParts } from "./resumable.js";
import { send as sendBody, transfer } from "./transfer.js";

/** The time for which links to files are asked for, in seconds: the longest that the server grants. */
const LINK_SECONDS = 3_600;

export class Api {
  #session;
  #exchange;
  #transfer;
  #sendBody;

  /** @param {Pick<Session, "accessToken" | "renewToken">} session */
  constructor(session, send = exchange, upload = transfer, sendPart = sendBody) {
    this.#session = session;
    this.#exchange = send;
    this.#transfer = upload;
    this.#sendBody = sendPart;
  }

  /**
   * @param {Registration} account
   * @returns {Promise<SignedIn>}
   */
  register(account) {
    return this.#exchange("POST", "/v1/auth/register", { body: account });
  }

  /**
   * @param {Credentials} credentials
   * @returns {Promise<SignedIn>}
   */
  login(credentials) {
    return this.#exchange("POST", "/v1/auth/login", { body: credentials });
  }

  /** @returns {Promise<void>} */
  logout() {
    return this.#call("POST", "/v1/auth/logout");
  }

  /**
   * @param {string} current_password
   * @param {string} new_password
   * @returns {Promise<void>}
   */
  changePassword(current_password, new_password) {
    return this.#call("POST", "/v1/auth/password", { current_password, new_password });
  }

  /** @returns {Promise<DeviceSession[]>} */
  sessions() {
    return this.#call("GET", "/v1/auth/sessions").then(({ items }) => items);
  }

  /**
   * @param {Id} id
   * @returns {Promise<void>}
   */
  endSession(id) {
    return this.#call("DELETE", `/v1/auth/sessions/${id}`);
  }

  /** @returns {Promise<Profile>} */
  me() {
    return this.#call("GET", "/v1/me");
  }

  /**
   * @param {ProfileChanges} changes
   * @returns {Promise<Profile>}
   */
  changeMe(changes) {
    return this.#call("PATCH", "/v1/me", changes);
  }

  /**
   * @param {string} password
   * @returns {Promise<void>}
   */
  deleteMe(password) {
    return this.#call("DELETE", "/v1/me", { password });
  }

  /**
   * @param {Id} id
   * @returns {Promise<User>}
   */
  user(id) {
    return this.#call("GET", `/v1/users/${id}`);
  }

  /**
   * @param {string} query
   * @returns {Promise<Page<User>>}
   */
  findUsers(query) {
    return this.#call("GET", `/v1/users?${new URLSearchParams({ query, limit: "20" })}`);
  }

  /** @returns {Promise<Contact[]>} */
  contacts() {
    return this.#all("/v1/contacts");
  }

  /**
   * @param {Id} userId
   * @param {string | null} alias the reader's own name for the contact
   * @returns {Promise<Contact>}
   */
  saveContact(userId, alias) {
    return this.#call("PUT", `/v1/contacts/${userId}`, { alias });
  }

  /**
   * @param {Id} userId
   * @returns {Promise<void>}
   */
  removeContact(userId) {
    return this.#call("DELETE", `/v1/contacts/${userId}`);
  }

  /** @returns {Promise<Block[]>} */
  blocks() {
    return this.#all("/v1/blocks");
  }

  /**
   * @param {Id} userId
   * @returns {Promise<void>}
   */
  block(userId) {
    return this.#call("PUT", `/v1/blocks/${userId}`);
  }

  /**
   * @param {Id} userId
   * @returns {Promise<void>}
   */
  unblock(userId) {
    return this.#call("DELETE", `/v1/blocks/${userId}`);
  }

  /**
   * Returns all conversations of the reader, with those that they have left.
   * @returns {Promise<Conversation[]>}
   */
  conversations() {
    return this.#all("/v1/conversations");
  }

  /**
   * @param {Id} id
   * @returns {Promise<Conversation>}
   */
  conversation(id) {
    return this.#call("GET", `/v1/conversations/${id}`);
  }

  /**
   * @param {Id} userId
   * @returns {Promise<Conversation>}
   */
  createDirect(userId) {
    return this.#call("POST", "/v1/conversations", { kind: "direct", user_id: userId });
  }

  /**
   * @param {Id} id
   * @param {string} title
   * @param {Id[]} memberIds
   * @returns {Promise<Conversation>}
   */
  createGroup(id, title, memberIds) {
    return this.#call("POST", "/v1/conversations", { id, kind: "group", title, member_ids: memberIds });
  }

  /**
   * @param {Id} id
   * @param {GroupChanges} changes
   * @returns {Promise<Conversation>}
   */
  changeGroup(id, changes) {
    return this.#call("PATCH", `/v1/conversations/${id}`, changes);
  }

  /**
   * @param {Id} id
   * @returns {Promise<void>}
   */
  deleteGroup(id) {
    return this.#call("DELETE", `/v1/conversations/${id}`);
  }

  /**
   * Mutes, archives or pins a conversation for the reader.
   * @param {Id} id
   * @param {MembershipChanges} changes
   * @returns {Promise<Conversation>}
   */
  changeMembership(id, changes) {
    return this.#call("PATCH", `/v1/conversations/${id}/me`, changes);
  }

  /**
   * Removes a conversation that the reader has left from their list.
   * @param {Id} id
   * @returns {Promise<void>}
   */
  unlist(id) {
    return this.#call("DELETE", `/v1/conversations/${id}/me`);
  }

  /**
   * @param {Id} conversationId
   * @returns {Promise<Member[]>}
   */
  members(conversationId) {
    return this.#all(`/v1/conversations/${conversationId}/members`);
  }

  /**
   * @param {Id} conversationId
   * @param {Id[]} userIds
   * @returns {Promise<void>}
   */
  addMembers(conversationId, userIds) {
    return this.#call("POST", `/v1/conversations/${conversationId}/members`, { user_ids: userIds });
  }

  /**
   * @param {Id} conversationId
   * @param {Id} userId
   * @param {Role} role
   * @returns {Promise<void>}
   */
  changeRole(conversationId, userId, role) {
    return this.#call("PATCH", `/v1/conversations/${conversationId}/members/${userId}`, { role });
  }

  /**
   * @param {Id} conversationId
   * @param {Id} userId
   * @returns {Promise<void>}
   */
  removeMember(conversationId, userId) {
    return this.#call("DELETE", `/v1/conversations/${conversationId}/members/${userId}`);
  }

  /**
   * @param {Id} conversationId
   * @returns {Promise<Receipt[]>}
   */
  receipts(conversationId) {
    return this.#all(`/v1/conversations/${conversationId}/receipts`);
  }

  /**
   * Returns a page of history: the messages before a `seq`, newest first, or those after one, oldest first.
   * @param {Id} conversationId
   * @param {HistoryQuery} query
   * @returns {Promise<Page<Message>>}
   */
  history(conversationId, { before, after, limit }) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (before !== undefined) query.set("before", String(before));
    if (after !== undefined) query.set("after", String(after));
    return this.#call("GET", `/v1/conversations/${conversationId}/messages?${query}`);
  }

  /**
   * @param {Id} conversationId
   * @param {number} seq
   * @returns {Promise<Message>}
   */
  message(conversationId, seq) {
    return this.#call("GET", `/v1/conversations/${conversationId}/messages/${seq}`);
  }

  /**
   * @param {Id} conversationId
   * @param {number} seq
   * @returns {Promise<UserReaction[]>}
   */
  reactions(conversationId, seq) {
    return this.#all(`/v1/conversations/${conversationId}/messages/${seq}/reactions`);
  }

  /**
   * Returns a page of the messages that a search finds.
   * @param {SearchQuery} query
   * @returns {Promise<SearchResults>}
   */
  search(query) {
    const given = Object.entries(query).filter(([, value]) => value);
    return this.#call("GET", `/v1/search?${new URLSearchParams([...given, ["limit", "30"]])}`);
  }

  /**
   * Uploads a file. `form` has the parts of the request.
   * @param {FormData} form
   * @param {{signal: AbortSignal, onProgress: (part: number) => void}} options `onProgress` gets numbers from 0 to 1
   * @returns {Promise<Media>}
   */
  upload(form, options) {
    return this.#authorized((token) => this.#transfer("/v1/media", form, { token, ...options }));
  }

  /**
   * Uploads a file in parts, so that what breaks off goes on from there. Cancelling it removes what has arrived.
   * @param {ResumableFile} file
   * @param {{signal: AbortSignal, onProgress: (part: number) => void}} options
   * @returns {Promise<Media>}
   */
  async uploadInParts(file, options) {
    await uploadInParts(file, {
      ...options,
      call: (method, path, body, rest) => this.#authorized((token) => this.#sendBody(method, path, body, { token, ...rest })),
    });
    return this.media(file.id);
  }

  /**
   * @param {Id} id
   * @returns {Promise<Media>}
   */
  media(id) {
    return this.#call("GET", `/v1/media/${id}`);
  }

  /**
   * Returns a link to a file.
   * @param {Id} id
   * @param {Variant} variant
   * @returns {Promise<MediaUrl>}
   */
  mediaUrl(id, variant) {
    return this.#call("POST", `/v1/media/${id}/url`, { variant, expires_in: LINK_SECONDS });
  }

  /**
   * Removes an uploaded file that no message carries.
   * @param {Id} id
   * @returns {Promise<void>}
   */
  deleteMedia(id) {
    return this.#call("DELETE", `/v1/media/${id}`);
  }

  /**
   * @param {SyncRequest} request
   * @returns {Promise<SyncReply>}
   */
  sync(request) {
    return this.#call("POST", "/v1/sync", request);
  }

  /**
   * Sends a request with the access token.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  #call(method, path, body) {
    return this.#authorized((token) => this.#exchange(method, path, { token, body }));
  }

  /**
   * Sends a request with the access token. Where the server no longer accepts the token, renews it once and repeats the request.
   * @template T
   * @param {(token: string) => Promise<T>} send
   * @returns {Promise<T>}
   */
  async #authorized(send) {
    const token = await this.#session.accessToken();
    try {
      return await send(token);
    } catch (problem) {
      if (!(problem instanceof Problem && problem.unauthenticated)) throw problem;
    }
    return send(await this.#session.renewToken(token));
  }

  /**
   * Returns all items of a list, page by page.
   * @param {string} path
   */
  async #all(path) {
    const items = [];
    let cursor = null;
    do {
      const query = new URLSearchParams({ limit: "200" });
      if (cursor) query.set("cursor", cursor);
      const page = await this.#call("GET", `${path}?${query}`);
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return items;
  }
}

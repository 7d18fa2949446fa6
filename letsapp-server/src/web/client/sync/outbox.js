// @ts-check
// Messages that the server has not acknowledged, kept in localStorage so that they survive a reload.
//
// A message keeps the id that it was given here, so sending it again can't make a second one.
/** @import {Draft, Id, Message} from "../../types/protocol.d.ts" */
/** @import {OutboxItem} from "../../types/state.d.ts" */
/** @import {Locks} from "../net/locks.js" */
import { backoff } from "../net/backoff.js";
import { Problem } from "../net/http.js";
import { uuidv7 } from "../net/ids.js";
import { explain } from "../text/problems.js";

const PREFIX = "letsapp.outbox.";
/** The beginning of the name of the lock that each open tab holds. */
export const TAB_LOCK = "letsapp.tab.";
const REFUSED = { forbidden: "You can’t write to this conversation." };

/** Dispatches `change` (detail: the items waiting or failed, oldest first) and `sent` (detail: the message). */
export class Outbox extends EventTarget {
  #prefix;
  #storage;
  #locks;
  #send;
  #tab;
  /** @type {Map<Id, OutboxItem>} */
  #items = new Map();
  /** Conversations of which a message is being sent. @type {Set<Id>} */
  #sending = new Set();
  #connected = false;

  /**
   * @param {object} parts
   * @param {Id} parts.userId
   * @param {Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem">} parts.storage
   * @param {Locks} parts.locks
   * @param {(item: OutboxItem) => Promise<Message>} parts.send
   * @param {Id} parts.tab names this page among the tabs of the browser
   */
  constructor({ userId, storage, locks, send, tab }) {
    super();
    this.#prefix = `${PREFIX}${userId}.`;
    this.#storage = storage;
    this.#locks = locks;
    this.#send = send;
    this.#tab = tab;
    // The browser releases the lock when the page is closed: another tab then sends the messages that were left behind.
    locks.request(TAB_LOCK + tab, () => new Promise(() => {}));
  }

  /**
   * @param {Id} conversationId
   * @param {Draft} draft
   */
  add(conversationId, draft) {
    this.#put({
      ...draft,
      id: uuidv7(),
      conversation_id: conversationId,
      queued_at: new Date().toISOString(),
      status: "waiting",
      tab: this.#tab,
    });
    this.#sendWaiting(conversationId);
  }

  /** @param {Id} id */
  retry(id) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#put({ ...item, status: "waiting", error: undefined });
    this.#sendWaiting(item.conversation_id);
  }

  /**
   * Forgets a message that is known to be on the server, or is no longer wanted.
   * @param {Id} id
   */
  remove(id) {
    if (!this.#items.delete(id)) return;
    this.#storage.removeItem(this.#prefix + id);
    this.#dispatchChange();
  }

  /** Forgets all messages of this user, those of other tabs included. */
  clear() {
    this.#items.clear();
    for (const key of this.#keys()) this.#storage.removeItem(key);
    this.#dispatchChange();
  }

  /** Sends the waiting messages, those of closed tabs included. */
  async resume() {
    this.#connected = true;
    await this.#adoptOrphans();
    for (const { conversation_id } of this.#items.values()) this.#sendWaiting(conversation_id);
  }

  pause() {
    this.#connected = false;
  }

  /**
   * Sends one message of a conversation at a time, so that they arrive in the order they were written.
   * @param {Id} conversationId
   */
  async #sendWaiting(conversationId) {
    if (this.#sending.has(conversationId)) return;
    this.#sending.add(conversationId);
    try {
      let attempt = 0;
      for (let item = this.#next(conversationId); this.#connected && item; item = this.#next(conversationId)) {
        const wait = await this.#attempt(item, attempt);
        attempt = wait ? attempt + 1 : 0;
        if (wait) await new Promise((resume) => setTimeout(resume, wait));
      }
    } finally {
      this.#sending.delete(conversationId);
    }
  }

  /** @param {Id} conversationId */
  #next(conversationId) {
    return this.#sorted().find((item) => item.conversation_id === conversationId && item.status === "waiting");
  }

  /**
   * Tries once. Returns the milliseconds to wait before the next attempt, 0 where none is needed.
   * @param {OutboxItem} item
   * @param {number} attempt
   */
  async #attempt(item, attempt) {
    try {
      const message = await this.#send(item);
      this.dispatchEvent(new CustomEvent("sent", { detail: message }));
      this.remove(item.id);
      return 0;
    } catch (problem) {
      // Discarded meanwhile.
      if (!this.#items.has(item.id)) return 0;
      if (problem instanceof Problem && problem.transient) return this.#waitAfter(item, problem, attempt);
      this.#put({ ...item, status: "failed", error: explain(problem, REFUSED) });
      return 0;
    }
  }

  /**
   * @param {OutboxItem} item
   * @param {Problem} problem
   * @param {number} attempt
   */
  #waitAfter(item, { code, retryAfter }, attempt) {
    const slowed = code === "rate_limited";
    if (slowed !== Boolean(item.slowed)) this.#put({ ...item, slowed });
    return retryAfter ? retryAfter * 1000 : backoff(attempt);
  }

  /** Takes over the messages of tabs that are closed. */
  async #adoptOrphans() {
    const { held = [] } = await this.#locks.query();
    const open = new Set(held.map(({ name }) => name));
    for (const key of this.#keys()) {
      const item = this.#read(key);
      if (!item || this.#items.has(item.id)) continue;
      if (item.tab === this.#tab || !open.has(TAB_LOCK + item.tab)) this.#put({ ...item, tab: this.#tab });
    }
  }

  #keys() {
    const keys = Array.from({ length: this.#storage.length }, (_, i) => this.#storage.key(i) ?? "");
    return keys.filter((key) => key.startsWith(this.#prefix));
  }

  /**
   * @param {string} key
   * @returns {OutboxItem | null}
   */
  #read(key) {
    try {
      return JSON.parse(this.#storage.getItem(key) ?? "null");
    } catch {
      return null;
    }
  }

  /** @param {OutboxItem} item */
  #put(item) {
    this.#items.set(item.id, item);
    try {
      this.#storage.setItem(this.#prefix + item.id, JSON.stringify(item));
    } catch {
      // Storage is full or forbidden: the message is sent all the same, but would not survive a reload.
    }
    this.#dispatchChange();
  }

  /** The ids begin with the time, so their order is that of writing. */
  #sorted() {
    return [...this.#items.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #dispatchChange() {
    this.dispatchEvent(new CustomEvent("change", { detail: this.#sorted() }));
  }
}

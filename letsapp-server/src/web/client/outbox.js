// Messages on their way. They are kept in localStorage until the server has acknowledged them, so they survive a reload; each goes
// out with the id it was born with, so sending it again can't double it.
import { backoff } from "./backoff.js";
import { explain } from "./explain.js";
import { uuidv7 } from "./ids.js";

const PREFIX = "letsapp.outbox.";
const TAB_LOCK = "letsapp.tab.";
const REFUSED = { forbidden: "You can’t write to this conversation." };

/** Dispatches `change` (detail: the items waiting or failed, oldest first) and `sent` (detail: the message). */
export class Outbox extends EventTarget {
  #prefix;
  #storage;
  #locks;
  #send;
  #tab;
  #items = new Map();
  #busy = new Set();
  #open = false;

  /**
   * @param send takes an item, resolves to the message that the server made of it
   * @param tab names this page among the tabs of the browser
   */
  constructor({ userId, storage, locks, send, tab }) {
    super();
    this.#prefix = `${PREFIX}${userId}.`;
    this.#storage = storage;
    this.#locks = locks;
    this.#send = send;
    this.#tab = tab;
    // Held for as long as this page lives: whose lock is gone has left its messages behind.
    locks.request(TAB_LOCK + tab, () => new Promise(() => {}));
  }

  /** Takes `{body, reply_to?, forwarded?, mentions?}`. */
  add(conversationId, draft) {
    const item = { ...draft, id: uuidv7(), conversation_id: conversationId, queued_at: new Date().toISOString(), status: "waiting" };
    this.#put({ ...item, tab: this.#tab });
    this.#pump(conversationId);
  }

  retry(id) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#put({ ...item, status: "waiting", error: undefined });
    this.#pump(item.conversation_id);
  }

  /** The message is known to be on the server, or no longer wanted. */
  remove(id) {
    if (!this.#items.delete(id)) return;
    this.#storage.removeItem(this.#prefix + id);
    this.#announce();
  }

  /** Forgets everything of this user, other tabs' messages included. */
  clear() {
    this.#items.clear();
    for (const key of this.#keys()) this.#storage.removeItem(key);
    this.#announce();
  }

  /** The connection is there: takes over what tabs that are gone have left, and sends what waits. */
  async open() {
    this.#open = true;
    await this.#adopt();
    for (const { conversation_id } of this.#items.values()) this.#pump(conversation_id);
  }

  close() {
    this.#open = false;
  }

  /** One message of a conversation at a time, so that they arrive in the order they were written. */
  async #pump(conversationId) {
    if (this.#busy.has(conversationId)) return;
    this.#busy.add(conversationId);
    try {
      for (let attempt = 0, item; this.#open && (item = this.#next(conversationId));) {
        const pause = await this.#attempt(item, attempt);
        attempt = pause ? attempt + 1 : 0;
        if (pause) await new Promise((resume) => setTimeout(resume, pause));
      }
    } finally {
      this.#busy.delete(conversationId);
    }
  }

  #next(conversationId) {
    return this.#sorted().find((item) => item.conversation_id === conversationId && item.status === "waiting");
  }

  /** Tries once; returns how long to wait before trying the same again, 0 if it is settled. */
  async #attempt(item, attempt) {
    try {
      const message = await this.#send(item);
      this.dispatchEvent(new CustomEvent("sent", { detail: message }));
      this.remove(item.id);
      return 0;
    } catch (problem) {
      if (!this.#items.has(item.id)) return 0;
      if (problem.transient) return this.#wait(item, problem, attempt);
      this.#put({ ...item, status: "failed", error: explain(problem, REFUSED) });
      return 0;
    }
  }

  #wait(item, { code, retryAfter }, attempt) {
    const slowed = code === "rate_limited";
    if (slowed !== Boolean(item.slowed)) this.#put({ ...item, slowed });
    return retryAfter ? retryAfter * 1000 : backoff(attempt);
  }

  async #adopt() {
    const { held } = await this.#locks.query();
    const alive = new Set(held.map(({ name }) => name));
    for (const key of this.#keys()) {
      const item = this.#read(key);
      if (!item || this.#items.has(item.id)) continue;
      if (item.tab === this.#tab || !alive.has(TAB_LOCK + item.tab)) this.#put({ ...item, tab: this.#tab });
    }
  }

  #keys() {
    const keys = Array.from({ length: this.#storage.length }, (_, i) => this.#storage.key(i));
    return keys.filter((key) => key.startsWith(this.#prefix));
  }

  #read(key) {
    try {
      return JSON.parse(this.#storage.getItem(key));
    } catch {
      return null;
    }
  }

  #put(item) {
    this.#items.set(item.id, item);
    try {
      this.#storage.setItem(this.#prefix + item.id, JSON.stringify(item));
    } catch {
      // Storage is full or forbidden: the message still goes out, it just wouldn't survive a reload.
    }
    this.#announce();
  }

  #sorted() {
    return [...this.#items.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #announce() {
    this.dispatchEvent(new CustomEvent("change", { detail: this.#sorted() }));
  }
}

// @ts-check
// The uploads that a closed or reloaded page has left unfinished: where the same file is picked again, its upload goes on.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {Locks} from "../net/locks.js" */
import { TAB_LOCK } from "./outbox.js";

const PREFIX = "letsapp.upload.";
/** The server keeps an unfinished upload for a day. One that is about to go is not begun with. */
const KEPT_MS = 23 * 3_600_000;

/** The marks by which a file is known again, as far as a page may see. @typedef {{name: string, size: number, type: string, modified: number}} Marks */
/** @typedef {Marks & {id: Id, tab: Id, at: number}} Entry */

export class UnfinishedUploads {
  #prefix;
  #storage;
  #tab;
  #now;
  #openedAt;
  /** Locks of the tabs that were open before this one, whose uploads are under way. Null until known. @type {Set<string> | null} */
  #open = null;

  /**
   * @param {object} parts
   * @param {Id} parts.userId
   * @param {Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem">} parts.storage
   * @param {Pick<Locks, "query">} parts.locks
   * @param {Id} parts.tab names this page among the tabs of the browser
   * @param {() => number} [parts.now]
   */
  constructor({ userId, storage, locks, tab, now = Date.now }) {
    this.#prefix = `${PREFIX}${userId}.`;
    this.#storage = storage;
    this.#tab = tab;
    this.#now = now;
    this.#openedAt = now();
    this.ready = this.#findTabs(locks);
  }

  /**
   * Returns the id of the unfinished upload of a file, which this page then goes on with; null if there is none.
   * @param {File} file
   */
  claim(file) {
    const marks = marksOf(file);
    const found = this.#entries().find((entry) => isSame(entry, marks) && this.#isLeft(entry));
    if (!found) return null;
    this.#put({ ...found, tab: this.#tab });
    return found.id;
  }

  /**
   * Notes that an upload has begun or goes on.
   * @param {Id} id
   * @param {File} file
   */
  keep(id, file) {
    this.#put({ ...marksOf(file), id, tab: this.#tab, at: this.#now() });
  }

  /** @param {Id} id */
  forget(id) {
    this.#storage.removeItem(this.#prefix + id);
  }

  /** Forgets all uploads of this user, those of other tabs included. */
  clear() {
    for (const key of this.#keys()) this.#storage.removeItem(key);
  }

  /** @param {Pick<Locks, "query">} locks */
  async #findTabs(locks) {
    const { held = [] } = await locks.query();
    this.#open = new Set(held.map(({ name = "" }) => name));
    for (const { id, at } of this.#entries()) if (this.#now() - at > KEPT_MS) this.forget(id);
  }

  /**
   * Tells whether an upload was left behind. One that has begun since this page was opened belongs to a page that is likely still there.
   * @param {Entry} entry
   */
  #isLeft({ tab, at }) {
    const isLeft = this.#open !== null && at < this.#openedAt && tab !== this.#tab && !this.#open.has(TAB_LOCK + tab);
    return isLeft && this.#now() - at < KEPT_MS;
  }

  #entries() {
    return this.#keys().flatMap((key) => {
      try {
        return [/** @type {Entry} */ (JSON.parse(this.#storage.getItem(key) ?? ""))];
      } catch {
        return [];
      }
    });
  }

  #keys() {
    const keys = Array.from({ length: this.#storage.length }, (_, i) => this.#storage.key(i) ?? "");
    return keys.filter((key) => key.startsWith(this.#prefix));
  }

  /** @param {Entry} entry */
  #put(entry) {
    try {
      this.#storage.setItem(this.#prefix + entry.id, JSON.stringify(entry));
    } catch {
      // Storage is full or forbidden: after a reload the upload would begin anew.
    }
  }
}

/**
 * @param {File} file
 * @returns {Marks}
 */
function marksOf({ name, size, type, lastModified: modified }) {
  return { name, size, type, modified };
}

/**
 * @param {Entry} entry
 * @param {Marks} marks
 */
function isSame(entry, { name, size, type, modified }) {
  return entry.name === name && entry.size === size && entry.type === type && entry.modified === modified;
}

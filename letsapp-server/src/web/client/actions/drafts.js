// @ts-check
// The unfinished text of each conversation, kept in localStorage across reloads.
/** @import {Id} from "../../types/protocol.d.ts" */

const PREFIX = "letsapp.draft.";

export class Drafts {
  #prefix;
  #storage;

  /** @param {{userId: Id, storage: Storage}} parts */
  constructor({ userId, storage }) {
    this.#prefix = `${PREFIX}${userId}.`;
    this.#storage = storage;
  }

  /** @param {Id} conversationId */
  of(conversationId) {
    return this.#storage.getItem(this.#prefix + conversationId) ?? "";
  }

  /**
   * @param {Id} conversationId
   * @param {string} text
   */
  save(conversationId, text) {
    try {
      if (text) this.#storage.setItem(this.#prefix + conversationId, text);
      else this.#storage.removeItem(this.#prefix + conversationId);
    } catch {
      // Storage is full or forbidden: the draft lives as long as the page.
    }
  }

  clear() {
    const keys = Array.from({ length: this.#storage.length }, (_, i) => this.#storage.key(i) ?? "");
    keys.filter((key) => key.startsWith(this.#prefix)).forEach((key) => this.#storage.removeItem(key));
  }
}

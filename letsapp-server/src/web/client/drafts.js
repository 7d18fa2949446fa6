// What is being written in each conversation, kept across reloads.

const PREFIX = "letsapp.draft.";

export class Drafts {
  #prefix;
  #storage;

  constructor({ userId, storage }) {
    this.#prefix = `${PREFIX}${userId}.`;
    this.#storage = storage;
  }

  of(conversationId) {
    return this.#storage.getItem(this.#prefix + conversationId) ?? "";
  }

  keep(conversationId, text) {
    try {
      if (text) this.#storage.setItem(this.#prefix + conversationId, text);
      else this.#storage.removeItem(this.#prefix + conversationId);
    } catch {
      // Without storage a draft lives as long as the page.
    }
  }

  clear() {
    const keys = Array.from({ length: this.#storage.length }, (_, i) => this.#storage.key(i));
    keys.filter((key) => key.startsWith(this.#prefix)).forEach((key) => this.#storage.removeItem(key));
  }
}

// Tells the server what has arrived here, and what was read.
import { backoff } from "./backoff.js";

export class Acknowledger {
  #store;
  #request;
  /** What the server was told already, by conversation. */
  #told = new Map();
  /** Up to where messages were seen by the reader, by conversation. */
  #seen = new Map();
  #open = false;
  #pumping = false;
  #checked = null;

  /** @param request sends `{conversation_id, delivered?, read?}`, resolves to the watermarks */
  constructor({ store, request }) {
    this.#store = store;
    this.#request = request;
    store.subscribe((state) => {
      if (state.conversations === this.#checked) return;
      this.#checked = state.conversations;
      this.#pump();
    });
  }

  open() {
    this.#open = true;
    this.#pump();
  }

  close() {
    this.#open = false;
  }

  /** The reader has seen the messages up to this one. */
  read(conversationId, seq) {
    if (seq <= (this.#seen.get(conversationId) ?? 0)) return;
    this.#seen.set(conversationId, seq);
    this.#pump();
  }

  async #pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let attempt = 0, due; this.#open && (due = this.#due());) {
        if (await this.#tell(due)) attempt = 0;
        else await new Promise((resume) => setTimeout(resume, backoff(attempt++)));
      }
    } finally {
      this.#pumping = false;
    }
  }

  async #tell(due) {
    const before = this.#told.get(due.conversation_id);
    this.#told.set(due.conversation_id, {
      delivered: Math.max(due.delivered ?? 0, due.read ?? 0),
      read: due.read ?? before?.read ?? 0,
    });
    try {
      const item = { user_id: this.#store.state.me.id, ...(await this.#request(due)) };
      this.#store.dispatch({ type: "receipts", conversation_id: due.conversation_id, items: [item] });
      return true;
    } catch (problem) {
      if (!problem.transient) return true;
      this.#told.set(due.conversation_id, before);
      return false;
    }
  }

  #due() {
    for (const { id, left, head, me } of Object.values(this.#store.state.conversations)) {
      if (left) continue;
      const told = this.#told.get(id);
      const seen = Math.min(this.#seen.get(id) ?? 0, head.seq);
      if (seen > Math.max(me.read_seq, told?.read ?? 0)) return { conversation_id: id, read: seen };
      if (head.seq > Math.max(me.delivered_seq, told?.delivered ?? 0)) return { conversation_id: id, delivered: head.seq };
    }
    return null;
  }
}

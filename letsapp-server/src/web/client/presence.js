// Follows the presence of those who are shown.

/** The server follows so many for one socket; those asked for last matter most. */
const MOST = 1_024;

export class Presence {
  #store;
  #request;
  #wanted = new Set();
  /** Whom the server wasn't told of yet on this connection. */
  #due = new Set();
  #open = false;
  #asking = false;

  /** @param request sends `{user_ids}`, who are followed beside those named before; resolves to `{items}` */
  constructor({ store, request }) {
    this.#store = store;
    this.#request = request;
  }

  want(ids) {
    const unknown = ids.filter((id) => id && !this.#wanted.has(id));
    for (const id of unknown) {
      this.#wanted.add(id);
      this.#due.add(id);
    }
    this.#ask();
  }

  open() {
    this.#open = true;
    this.again();
  }

  close() {
    this.#open = false;
    this.#store.dispatch({ type: "presenceLost" });
  }

  /** Asks for everyone anew, as after a block, which changes what is to be seen. */
  again() {
    this.#due = new Set(this.#wanted);
    this.#ask();
  }

  /** One question for all who are wanted by the end of this task. */
  #ask() {
    if (!this.#open || this.#asking || this.#due.size === 0) return;
    this.#asking = true;
    queueMicrotask(async () => {
      this.#asking = false;
      if (!this.#open) return;
      const user_ids = [...this.#due].slice(-MOST);
      this.#due.clear();
      try {
        const { items } = await this.#request({ user_ids });
        this.#store.dispatch({ type: "presence", items });
      } catch {
        // Whoever isn't followed is shown without presence.
      }
    });
  }
}

// Follows the presence of those who are shown.

/** The server follows so many for one socket; those asked for last matter most. */
const MOST = 200;

export class Presence {
  #store;
  #request;
  #wanted = new Set();
  #open = false;
  #due = false;

  /** @param request sends `{user_ids}`, resolves to `{items}` */
  constructor({ store, request }) {
    this.#store = store;
    this.#request = request;
  }

  want(ids) {
    const unknown = ids.filter((id) => id && !this.#wanted.has(id));
    if (unknown.length === 0) return;
    unknown.forEach((id) => this.#wanted.add(id));
    this.#ask();
  }

  open() {
    this.#open = true;
    if (this.#wanted.size > 0) this.#ask();
  }

  close() {
    this.#open = false;
    this.#store.dispatch({ type: "presenceLost" });
  }

  /** Asks again, as after a block, which changes what is to be seen. */
  again() {
    this.#ask();
  }

  /** One question for all who are wanted by the end of this task. */
  #ask() {
    if (!this.#open || this.#due) return;
    this.#due = true;
    queueMicrotask(async () => {
      this.#due = false;
      if (!this.#open) return;
      try {
        const { items } = await this.#request({ user_ids: [...this.#wanted].slice(-MOST) });
        this.#store.dispatch({ type: "presence", items });
      } catch {
        // Whoever isn't followed is shown without presence.
      }
    });
  }
}

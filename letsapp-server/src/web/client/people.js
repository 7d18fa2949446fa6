// Fetches the profiles of people whom a message mentions and nobody has introduced yet.

const AT_ONCE = 4;

export class People {
  #store;
  #fetch;
  #asked = new Set();
  #waiting = [];
  #running = 0;

  /** @param fetch takes a user's id, resolves to the user */
  constructor({ store, fetch }) {
    this.#store = store;
    this.#fetch = fetch;
  }

  want(ids) {
    const unknown = ids.filter((id) => id && !this.#store.state.users[id] && !this.#asked.has(id));
    unknown.forEach((id) => this.#asked.add(id));
    this.#waiting.push(...unknown);
    while (this.#running < AT_ONCE && this.#waiting.length > 0) this.#next(this.#waiting.shift());
  }

  async #next(id) {
    this.#running++;
    try {
      this.#store.dispatch({ type: "users", users: [await this.#fetch(id)] });
    } catch (problem) {
      if (problem.transient) this.#asked.delete(id);
    } finally {
      this.#running--;
      if (this.#waiting.length > 0) this.#next(this.#waiting.shift());
    }
  }
}

// Holds a state, changes it through a reducer, and tells who listens: at most once per task, however many changes there were.

export class Store {
  #reduce;
  #state;
  #listeners = new Set();
  #announced = true;

  constructor(reduce, state) {
    this.#reduce = reduce;
    this.#state = state;
  }

  get state() {
    return this.#state;
  }

  dispatch(action) {
    const next = this.#reduce(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    if (!this.#announced) return;
    this.#announced = false;
    queueMicrotask(() => {
      this.#announced = true;
      for (const listener of this.#listeners) listener(this.#state);
    });
  }

  /** Calls `listener` after changes; returns the way to stop. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

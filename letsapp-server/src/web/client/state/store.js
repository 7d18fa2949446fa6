// @ts-check
// A store: the current state, changed only by dispatching actions to a reducer.
//
// Listeners run at most once per task, however many actions were dispatched, so that a burst of events redraws the page once.

/**
 * @template State
 * @template Action
 */
export class Store {
  #reduce;
  #state;
  /** @type {Set<(state: State) => void>} */
  #listeners = new Set();
  #notified = true;

  /**
   * @param {(state: State, action: Action) => State} reduce
   * @param {State} state
   */
  constructor(reduce, state) {
    this.#reduce = reduce;
    this.#state = state;
  }

  get state() {
    return this.#state;
  }

  /** @param {Action} action */
  dispatch(action) {
    const next = this.#reduce(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    if (!this.#notified) return;
    this.#notified = false;
    queueMicrotask(() => {
      this.#notified = true;
      for (const listener of this.#listeners) listener(this.#state);
    });
  }

  /**
   * Calls `listener` after changes. Returns a function that ends the subscription.
   * @param {(state: State) => void} listener
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

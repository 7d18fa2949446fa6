// @ts-check
// Profiles of users who appear in messages but in no other answer, fetched when a view needs them.
/** @import {Id, User} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Store} from "../state/store.js" */
import { Problem } from "../net/http.js";

/** Requests under way at the same time: enough to fill a page quickly, too few to meet the rate limit. */
const CONCURRENT_REQUESTS = 4;

export class Profiles {
  #store;
  #fetchUser;
  /** @type {Set<Id>} */
  #requested = new Set();
  /** @type {Id[]} */
  #waiting = [];
  #running = 0;

  /** @param {{store: Store<State, Action>, fetchUser: (id: Id) => Promise<User>}} parts */
  constructor({ store, fetchUser }) {
    this.#store = store;
    this.#fetchUser = fetchUser;
  }

  /**
   * Fetches the profiles that are not known.
   * @param {(Id | undefined)[]} ids
   */
  load(ids) {
    for (const id of ids) {
      if (!id || this.#store.state.users[id] || this.#requested.has(id)) continue;
      this.#requested.add(id);
      this.#waiting.push(id);
    }
    while (this.#running < CONCURRENT_REQUESTS && this.#waiting.length > 0) this.#fetchNext();
  }

  async #fetchNext() {
    const id = this.#waiting.shift();
    if (id === undefined) return;
    this.#running++;
    try {
      this.#store.dispatch({ type: "users", users: [await this.#fetchUser(id)] });
    } catch (problem) {
      // A user who can't be seen is not asked for again.
      if (problem instanceof Problem && problem.transient) this.#requested.delete(id);
    } finally {
      this.#running--;
      this.#fetchNext();
    }
  }
}

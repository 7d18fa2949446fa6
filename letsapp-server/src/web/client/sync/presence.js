// @ts-check
// The presence of the users on the screen: asks the server to report it, again after each reconnect.
/** @import {Id, PresenceItem} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Store} from "../state/store.js" */

/** The most users that the server watches for one socket. Beyond it the ones requested last matter most: they are on the screen. */
const MAX_WATCHED = 1_024;

export class Presence {
  #store;
  #request;
  /** @type {Set<Id>} */
  #watched = new Set();
  /** Users not requested yet on this connection. @type {Set<Id>} */
  #due = new Set();
  #connected = false;
  #scheduled = false;

  /**
   * @param {object} parts
   * @param {Store<State, Action>} parts.store
   * @param {(data: {user_ids: Id[]}) => Promise<{items: PresenceItem[]}>} parts.request watches more users
   */
  constructor({ store, request }) {
    this.#store = store;
    this.#request = request;
  }

  /** @param {(Id | undefined)[]} ids */
  watch(ids) {
    for (const id of ids) {
      if (!id || this.#watched.has(id)) continue;
      this.#watched.add(id);
      this.#due.add(id);
    }
    this.#schedule();
  }

  resume() {
    this.#connected = true;
    this.refresh();
  }

  pause() {
    this.#connected = false;
    this.#store.dispatch({ type: "presenceCleared" });
  }

  /** Asks for all users again. A block or a new contact changes whose presence the reader may see. */
  refresh() {
    this.#due = new Set(this.#watched);
    this.#schedule();
  }

  /** Sends one request for all users who are due at the end of this task: a list asks for each of its rows. */
  #schedule() {
    if (!this.#connected || this.#scheduled || this.#due.size === 0) return;
    this.#scheduled = true;
    queueMicrotask(async () => {
      this.#scheduled = false;
      if (!this.#connected) return;
      const user_ids = [...this.#due].slice(-MAX_WATCHED);
      this.#due.clear();
      try {
        const { items } = await this.#request({ user_ids });
        this.#store.dispatch({ type: "presence", items });
      } catch {
        // Without an answer these users are shown without presence, until the next reconnect.
      }
    });
  }
}

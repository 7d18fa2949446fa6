// @ts-check
// The groups that the reader has left and that are still in their list. Loaded once they are looked at, since `sync` leaves them out.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Store} from "../state/store.js" */
import { Problem } from "../net/http.js";

export class LeftGroups {
  #store;
  #api;

  /** @param {{store: Store<State, Action>, api: Pick<Api, "conversations" | "unlist">}} parts */
  constructor({ store, api }) {
    this.#store = store;
    this.#api = api;
  }

  async load() {
    const items = (await this.#api.conversations()).filter(({ me }) => me.left_at != null);
    this.#store.dispatch({ type: "leftGroups", items });
  }

  /** Loads the groups again, if they were loaded: another has been left, or one was removed on another device. */
  async refresh() {
    // Without a network they stay as they are until the next connection.
    if (this.#store.state.leftGroups) await this.load().catch(() => {});
  }

  /**
   * Removes a group from the list, with its messages.
   * @param {Id} id
   */
  async remove(id) {
    try {
      await this.#api.unlist(id);
    } catch (problem) {
      // The group was deleted meanwhile.
      if (!(problem instanceof Problem && problem.code === "not_found")) throw problem;
    }
    this.#store.dispatch({ type: "unlisted", id });
  }
}

// @ts-check
// The reader's contacts and blocked users, and the search for others.
/** @import {Id, User} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Store} from "../state/store.js" */
/** @import {Presence} from "../sync/presence.js" */

export class Contacts {
  #store;
  #api;
  #presence;

  /** @param {{store: Store<State, Action>, api: Api, presence: Presence}} parts */
  constructor({ store, api, presence }) {
    this.#store = store;
    this.#api = api;
    this.#presence = presence;
  }

  /** Loads both lists. No event reports a change that another device has made to them. */
  async load() {
    const [contacts, blocks] = await Promise.all([this.#api.contacts(), this.#api.blocks()]);
    this.#store.dispatch({ type: "contacts", items: contacts });
    this.#store.dispatch({ type: "blocks", items: blocks });
  }

  /**
   * Finds users by how their username or name begins.
   * @param {string} query
   * @returns {Promise<User[]>}
   */
  async findUsers(query) {
    const { items } = await this.#api.findUsers(query);
    return items;
  }

  /**
   * Adds a contact, or changes the reader's own name for them.
   * @param {Id} userId
   * @param {string} alias empty for none
   */
  async save(userId, alias) {
    const item = await this.#api.saveContact(userId, alias.trim() || null);
    this.#store.dispatch({ type: "contact", item });
    this.#presence.refresh();
  }

  /** @param {Id} userId */
  async remove(userId) {
    await this.#api.removeContact(userId);
    this.#store.dispatch({ type: "contactRemoved", id: userId });
  }

  /** @param {Id} userId */
  async block(userId) {
    await this.#api.block(userId);
    this.#store.dispatch({ type: "blocked", id: userId, at: new Date().toISOString() });
    this.#presence.refresh();
  }

  /** @param {Id} userId */
  async unblock(userId) {
    await this.#api.unblock(userId);
    this.#store.dispatch({ type: "unblocked", id: userId });
    this.#presence.refresh();
  }
}

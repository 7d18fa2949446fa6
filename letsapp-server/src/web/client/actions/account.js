// @ts-check
// The reader's own account: profile, settings, password, signed-in devices, and deleting it.
/** @import {DeviceSession, Id, Profile, ProfileChanges} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Session} from "../net/session.js" */
/** @import {Store} from "../state/store.js" */

export class Account {
  #store;
  #api;
  #session;

  /** @param {{store: Store<State, Action>, api: Api, session: Session}} parts */
  constructor({ store, api, session }) {
    this.#store = store;
    this.#api = api;
    this.#session = session;
  }

  async load() {
    this.#apply(await this.#api.me());
  }

  /**
   * Changes the profile or settings.
   * @param {ProfileChanges} changes
   */
  async change(changes) {
    this.#apply(await this.#api.changeMe(changes));
  }

  /**
   * Changes the password. The server signs out every other device.
   * @param {string} current
   * @param {string} next
   */
  changePassword(current, next) {
    return this.#api.changePassword(current, next);
  }

  /** @returns {Promise<DeviceSession[]>} */
  sessions() {
    return this.#api.sessions();
  }

  /** @param {Id} id */
  endSession(id) {
    return this.#api.endSession(id);
  }

  /**
   * Deletes the account, and ends the session with it.
   * @param {string} password
   */
  async delete(password) {
    this.#session.setEndReason("deleted");
    try {
      await this.#api.deleteMe(password);
    } catch (problem) {
      this.#session.setEndReason(null);
      throw problem;
    }
    this.#session.end("deleted");
  }

  /** @param {Profile} profile */
  #apply(profile) {
    this.#store.dispatch({ type: "profile", profile });
    this.#session.updateUser(profile);
  }
}

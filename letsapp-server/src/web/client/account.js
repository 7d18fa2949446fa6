// The reader's own account: profile, settings, password, devices, and its end.

export class Account {
  #store;
  #api;
  #session;

  constructor({ store, api, session }) {
    this.#store = store;
    this.#api = api;
    this.#session = session;
  }

  async load() {
    this.#take(await this.#api.me());
  }

  /** Changes the profile or settings: `{display_name?, about?, settings?}`. */
  async change(changes) {
    this.#take(await this.#api.changeMe(changes));
  }

  /** Every other device is signed out with it. */
  changePassword(current, next) {
    return this.#api.changePassword(current, next);
  }

  sessions() {
    return this.#api.sessions();
  }

  endSession(id) {
    return this.#api.endSession(id);
  }

  /** Erases the account, and with it the session. */
  async delete(password) {
    this.#session.endsAs("deleted");
    try {
      await this.#api.deleteMe(password);
    } catch (problem) {
      this.#session.endsAs(null);
      throw problem;
    }
    this.#session.end("deleted");
  }

  #take(profile) {
    this.#store.dispatch({ type: "profile", profile });
    this.#session.rename(profile);
  }
}

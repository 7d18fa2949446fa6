// Whom the reader keeps, and whom they don't want to hear from.

export class Contacts {
  #store;
  #api;
  #presence;

  constructor({ store, api, presence }) {
    this.#store = store;
    this.#api = api;
    this.#presence = presence;
  }

  /** Fetches both lists; what another device changed is seen then. */
  async load() {
    const [contacts, blocks] = await Promise.all([this.#api.contacts(), this.#api.blocks()]);
    this.#store.dispatch({ type: "contacts", items: contacts });
    this.#store.dispatch({ type: "blocks", items: blocks });
  }

  /** Keeps somebody as a contact, under a name of the reader's own if there is one. */
  async keep(userId, alias) {
    const item = await this.#api.keepContact(userId, alias.trim() || null);
    this.#store.dispatch({ type: "contact", item });
    this.#presence.again();
  }

  async remove(userId) {
    await this.#api.removeContact(userId);
    this.#store.dispatch({ type: "contactGone", id: userId });
  }

  async block(userId) {
    await this.#api.block(userId);
    this.#store.dispatch({ type: "blocked", id: userId, at: new Date().toISOString() });
    this.#presence.again();
  }

  async unblock(userId) {
    await this.#api.unblock(userId);
    this.#store.dispatch({ type: "unblocked", id: userId });
    this.#presence.again();
  }
}

// Conversations as such: making them, who is in them, what they are called, and the reader's own part in them.

const MEMBERSHIP = ["members_added", "member_removed", "member_left", "role_changed"];

export class Groups {
  #store;
  #api;
  #live;
  #loading = new Set();
  #settling = new Set();
  /** Groups that are being asked about: by id, whether to ask for the members too, once more, since more was told. */
  #telling = new Map();

  constructor({ store, api, live }) {
    this.#store = store;
    this.#api = api;
    this.#live = live;
    store.subscribe((state) => this.#settleUnread(state));
  }

  async startDirect(user) {
    this.#store.dispatch({ type: "users", users: [user] });
    return this.#met(await this.#api.createDirect(user.id));
  }

  /** `id` is made by who asks, so that asking again can't make a second group. */
  async create(id, title, users) {
    this.#store.dispatch({ type: "users", users });
    return this.#met(
      await this.#api.createGroup(
        id,
        title,
        users.map((user) => user.id),
      ),
    );
  }

  /** Changes what a group is called or about: `{title?, about?}`. */
  async change(id, changes) {
    this.#met(await this.#api.changeGroup(id, changes));
  }

  /** Mutes, puts away or keeps on top: `{muted_until?, archived?, pinned?}`. */
  async changeMine(id, changes) {
    this.#met(await this.#api.changeMine(id, changes));
  }

  async loadMembers(id) {
    this.#store.dispatch({ type: "members", conversation_id: id, items: await this.#api.members(id) });
  }

  /** Sees to it that the members are here; asks once, however many want to know. */
  async wantMembers(id) {
    if (this.#store.state.members[id] || this.#loading.has(id)) return;
    this.#loading.add(id);
    await this.loadMembers(id)
      .catch(() => {})
      .finally(() => this.#loading.delete(id));
  }

  async add(id, users) {
    await this.#api.addMembers(
      id,
      users.map((user) => user.id),
    );
    await this.#membershipChanged(id);
  }

  async remove(id, userId) {
    await this.#api.removeMember(id, userId);
    await this.#membershipChanged(id);
  }

  /** Makes a member `owner`, `admin` or `member`; the owner who makes another one hands the group over. */
  async changeRole(id, userId, role) {
    await this.#api.changeRole(id, userId, role);
    await this.#membershipChanged(id);
  }

  async leave(id) {
    await this.#api.removeMember(id, this.#store.state.me.id);
    this.#store.dispatch({ type: "left", id });
  }

  async delete(id) {
    await this.#api.deleteGroup(id);
    this.#store.dispatch({ type: "left", id });
  }

  /** In a group, ticks need to know how far everyone is. */
  async loadReceipts(id) {
    const items = await this.#api.receipts(id);
    this.#store.dispatch({ type: "receiptsLoaded", conversation_id: id, items });
  }

  /** Groups whose ticks are shown: their receipts aren't part of `sync`. */
  refreshReceipts() {
    const { conversations, receipts } = this.#store.state;
    const groups = Object.keys(receipts).filter((id) => conversations[id]?.kind === "group" && !conversations[id].left);
    groups.forEach((id) => this.loadReceipts(id).catch(() => {}));
  }

  /** A message has come in that may tell of a change to its conversation. */
  told({ kind, conversation_id: id, system }) {
    if (kind !== "system" || this.#tellsOfOwnEnd(system)) return;
    this.#ask(id, MEMBERSHIP.includes(system?.type));
  }

  /** A return may tell of a hundred changes at once: one question is under way, and one more answers all that came meanwhile. */
  async #ask(id, membership) {
    if (this.#telling.has(id)) {
      this.#telling.set(id, membership || (this.#telling.get(id) ?? false));
      return;
    }
    for (let due = membership; due !== undefined; due = this.#telling.get(id)) {
      this.#telling.set(id, undefined);
      await (due ? this.#membershipChanged(id) : this.#refresh(id)).catch(() => {});
    }
    this.#telling.delete(id);
  }

  /** Whoever is out of a group has nothing more to ask of it. */
  #tellsOfOwnEnd(system) {
    return ["member_removed", "member_left"].includes(system?.type) && system.user_id === this.#store.state.me.id;
  }

  async #membershipChanged(id) {
    const { members, receipts } = this.#store.state;
    await this.#refresh(id);
    if (this.#store.state.conversations[id]?.left) return;
    if (members[id]) await this.loadMembers(id);
    if (receipts[id]) await this.loadReceipts(id);
  }

  async #refresh(id) {
    const conversation = await this.#api.conversation(id);
    if (!this.#store.state.conversations[id]?.left) this.#live.meet(conversation);
  }

  #met(conversation) {
    this.#live.meet(conversation);
    return conversation.id;
  }

  /** Where the unread count can't be told from what is here, the server is asked. */
  #settleUnread({ conversations }) {
    for (const { id, unsure } of Object.values(conversations)) {
      if (!unsure || this.#settling.has(id)) continue;
      this.#settling.add(id);
      this.#refresh(id)
        .catch(() => {})
        .finally(() => this.#settling.delete(id));
    }
  }
}

// @ts-check
// Parts of conversations that events and `sync` leave out: the members and receipts of groups, and unread counts that can't be
// derived from the loaded messages.
/** @import {Conversation, Id, Message} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Store} from "../state/store.js" */

/** System messages after which the members are loaded again. */
const MEMBERSHIP_EVENTS = ["members_added", "member_removed", "member_left", "role_changed"];

export class GroupDetails {
  #store;
  #api;
  #live;
  /** Groups whose members are being loaded. @type {Set<Id>} */
  #loadingMembers = new Set();
  /** Conversations whose unread count is being asked for. @type {Set<Id>} */
  #refreshingCounts = new Set();
  /**
   * Groups that are being refreshed, each with what must follow: undefined for nothing, else whether the members are to be loaded
   * too.
   * @type {Map<Id, boolean | undefined>}
   */
  #refreshing = new Map();

  /**
   * @param {object} parts
   * @param {Store<State, Action>} parts.store
   * @param {Pick<Api, "conversation" | "members" | "receipts">} parts.api
   * @param {{applyConversation(conversation: Conversation): void}} parts.live
   */
  constructor({ store, api, live }) {
    this.#store = store;
    this.#api = api;
    this.#live = live;
    store.subscribe((state) => this.#refreshUnknownCounts(state));
  }

  /** @param {Id} id */
  async loadMembers(id) {
    this.#store.dispatch({ type: "members", conversation_id: id, items: await this.#api.members(id) });
  }

  /**
   * Loads the members unless they are loaded, or being loaded for another view.
   * @param {Id} id
   */
  async ensureMembers(id) {
    if (this.#store.state.members[id] || this.#loadingMembers.has(id)) return;
    this.#loadingMembers.add(id);
    await this.loadMembers(id)
      .catch(() => {})
      .finally(() => this.#loadingMembers.delete(id));
  }

  /**
   * Loads the receipts of all members, which the ticks in a group are derived from.
   * @param {Id} id
   */
  async loadReceipts(id) {
    const items = await this.#api.receipts(id);
    this.#store.dispatch({ type: "receiptsLoaded", conversation_id: id, items });
  }

  /** Loads the receipts of all groups again whose ticks are shown. */
  refreshReceipts() {
    const { conversations, receipts } = this.#store.state;
    const groups = Object.keys(receipts).filter((id) => conversations[id]?.kind === "group" && !conversations[id].left);
    groups.forEach((id) => this.loadReceipts(id).catch(() => {}));
  }

  /**
   * Refreshes a group after a system message. Many may arrive at once after a reconnect: one request is under way at a time, and
   * one more covers all that came meanwhile.
   * @param {Message} message
   */
  async onMessage({ kind, conversation_id: id, system }) {
    // The server refuses a group's former members.
    if (kind !== "system" || this.#endsOwnMembership(system)) return;
    const membership = system != null && MEMBERSHIP_EVENTS.includes(system.type);
    if (this.#refreshing.has(id)) {
      this.#refreshing.set(id, membership || (this.#refreshing.get(id) ?? false));
      return;
    }
    /** @type {boolean | undefined} */
    let due = membership;
    while (due !== undefined) {
      this.#refreshing.set(id, undefined);
      await (due ? this.refreshMembership(id) : this.#refresh(id)).catch(() => {});
      due = this.#refreshing.get(id);
    }
    this.#refreshing.delete(id);
  }

  /**
   * Loads the conversation, and its members and receipts where they are shown.
   * @param {Id} id
   */
  async refreshMembership(id) {
    const { members, receipts } = this.#store.state;
    await this.#refresh(id);
    if (this.#store.state.conversations[id]?.left) return;
    if (members[id]) await this.loadMembers(id);
    if (receipts[id]) await this.loadReceipts(id);
  }

  /** @param {Message["system"]} system */
  #endsOwnMembership(system) {
    return (system?.type === "member_removed" || system?.type === "member_left") && system.user_id === this.#store.state.me.id;
  }

  /** @param {Id} id */
  async #refresh(id) {
    const conversation = await this.#api.conversation(id);
    if (!this.#store.state.conversations[id]?.left) this.#live.applyConversation(conversation);
  }

  /** @param {State} state */
  #refreshUnknownCounts({ conversations }) {
    for (const { id, unreadUnknown } of Object.values(conversations)) {
      if (!unreadUnknown || this.#refreshingCounts.has(id)) continue;
      this.#refreshingCounts.add(id);
      this.#refresh(id)
        .catch(() => {})
        .finally(() => this.#refreshingCounts.delete(id));
    }
  }
}

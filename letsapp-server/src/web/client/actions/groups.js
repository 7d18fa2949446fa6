// @ts-check
// Conversations: starting them, their title and members, and the reader's own settings of them.
/** @import {Conversation, GroupChanges, Id, MembershipChanges, Role, User} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Store} from "../state/store.js" */
/** @import {GroupDetails} from "../sync/group-details.js" */
/** @import {LeftGroups} from "../sync/left-groups.js" */
/** @import {Live} from "../sync/live.js" */
import { uuidv7 } from "../net/ids.js";

export class Groups {
  #store;
  #api;
  #live;
  #details;
  #leftGroups;

  /** @param {{store: Store<State, Action>, api: Api, live: Live, details: GroupDetails, leftGroups: LeftGroups}} parts */
  constructor({ store, api, live, details, leftGroups }) {
    this.#store = store;
    this.#api = api;
    this.#live = live;
    this.#details = details;
    this.#leftGroups = leftGroups;
  }

  /**
   * Opens the direct conversation with a user. Resolves to its id.
   * @param {User} user
   */
  async startDirect(user) {
    this.#store.dispatch({ type: "users", users: [user] });
    return this.#apply(await this.#api.createDirect(user.id));
  }

  /** Returns an id for a group that is to be created. */
  newId() {
    return uuidv7();
  }

  /**
   * Creates a group. Resolves to its id. Creating it again with the same id can't make a second one.
   * @param {Id} id
   * @param {string} title
   * @param {User[]} users
   */
  async create(id, title, users) {
    this.#store.dispatch({ type: "users", users });
    return this.#apply(await this.#api.createGroup(id, title, idsOf(users)));
  }

  /**
   * Changes a group's title, description or picture.
   * @param {Id} id
   * @param {GroupChanges} changes
   */
  async change(id, changes) {
    this.#apply(await this.#api.changeGroup(id, changes));
  }

  /**
   * Mutes, archives or pins a conversation for the reader.
   * @param {Id} id
   * @param {MembershipChanges} changes
   */
  async changeMembership(id, changes) {
    this.#apply(await this.#api.changeMembership(id, changes));
  }

  /**
   * @param {Id} id
   * @param {User[]} users
   */
  async addMembers(id, users) {
    await this.#api.addMembers(id, idsOf(users));
    await this.#details.refreshMembership(id);
  }

  /**
   * @param {Id} id
   * @param {Id} userId
   */
  async removeMember(id, userId) {
    await this.#api.removeMember(id, userId);
    await this.#details.refreshMembership(id);
  }

  /**
   * Changes a member's role. An owner who makes another member the owner becomes an admin.
   * @param {Id} id
   * @param {Id} userId
   * @param {Role} role
   */
  async changeRole(id, userId, role) {
    await this.#api.changeRole(id, userId, role);
    await this.#details.refreshMembership(id);
  }

  /** @param {Id} id */
  async leave(id) {
    await this.#api.removeMember(id, this.#store.state.me.id);
    this.#store.dispatch({ type: "left", id });
  }

  /** @param {Id} id */
  async delete(id) {
    await this.#api.deleteGroup(id);
    this.#store.dispatch({ type: "left", id });
  }

  /** Loads the groups that the reader has left and that are still in their list. */
  loadLeft() {
    return this.#leftGroups.load();
  }

  /**
   * Removes a group that the reader has left from their list.
   * @param {Id} id
   */
  removeLeft(id) {
    return this.#leftGroups.remove(id);
  }

  /** @param {Id} id */
  loadMembers(id) {
    return this.#details.loadMembers(id);
  }

  /** @param {Id} id */
  ensureMembers(id) {
    return this.#details.ensureMembers(id);
  }

  /** @param {Id} id */
  loadReceipts(id) {
    return this.#details.loadReceipts(id);
  }

  /** @param {Conversation} conversation */
  #apply(conversation) {
    this.#live.applyConversation(conversation);
    return conversation.id;
  }
}

/** @param {User[]} users */
function idsOf(users) {
  return users.map(({ id }) => id);
}

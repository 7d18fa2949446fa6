// A signed-in user's client: joins the parts, and offers what the views let a person do.
import { Acknowledger } from "./acknowledger.js";
import { Drafts } from "./drafts.js";
import { uuidv7 } from "./ids.js";
import { Live } from "./live.js";
import { locks } from "./locks.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { Socket } from "./socket.js";
import { initial, reduce, timelineOf } from "./state/reduce.js";
import { oldest } from "./state/timeline.js";
import { Store } from "./store.js";

const PAGE = 50;
const LARGEST_PAGE = 200;
const TAB = uuidv7();
const MEMBERSHIP = ["members_added", "member_removed", "member_left", "role_changed"];

export class Client {
  store;
  drafts;
  people;
  #session;
  #api;
  #socket;
  #live;
  #outbox;
  #acknowledger;
  #settling = new Set();
  #nextToast = 1;

  constructor({ session, api, location = window.location, storage = window.localStorage }) {
    const user = session.user;
    this.store = new Store(reduce, initial(user));
    this.#session = session;
    this.#api = api;
    this.#socket = new Socket({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/ws`,
      token: () => session.accessToken(),
      verify: () => api.me(),
    });
    this.drafts = new Drafts({ userId: user.id, storage });
    this.people = new People({ store: this.store, fetch: (id) => api.user(id) });
    this.#outbox = new Outbox({ userId: user.id, storage, locks, tab: TAB, send: (item) => this.#transmit(item) });
    this.#acknowledger = new Acknowledger({ store: this.store, request: (due) => this.#socket.request("receipt", due) });
    this.#live = new Live({ store: this.store, socket: this.#socket, api });
    this.#connectParts();
  }

  start() {
    this.#socket.start();
  }

  /** Leaves the server alone from now on; what is on the screen stays. */
  stop() {
    this.#socket.stop();
  }

  /** Something suggests that the network is back, or gone: see now instead of later. */
  nudge() {
    this.#socket.nudge();
  }

  async signOut() {
    this.stop();
    this.#outbox.clear();
    this.drafts.clear();
    // The server is told if it can be; this device forgets either way.
    await this.#api.logout().catch(() => {});
    this.#session.end("signed-out");
  }

  // Conversations

  findUsers(query) {
    return this.#api.findUsers(query).then(({ items }) => items);
  }

  async startDirect(user) {
    this.store.dispatch({ type: "users", users: [user] });
    return this.#opened(await this.#api.createDirect(user.id));
  }

  /** `id` is made by who asks, so that asking again can't make a second group. */
  async createGroup(id, title, users) {
    this.store.dispatch({ type: "users", users });
    return this.#opened(
      await this.#api.createGroup(
        id,
        title,
        users.map((user) => user.id),
      ),
    );
  }

  async loadMembers(id) {
    this.store.dispatch({ type: "members", conversation_id: id, items: await this.#api.members(id) });
  }

  async addMembers(id, users) {
    await this.#api.addMembers(
      id,
      users.map((user) => user.id),
    );
    await this.#membershipChanged(id);
  }

  async removeMember(id, userId) {
    await this.#api.removeMember(id, userId);
    await this.#membershipChanged(id);
  }

  async leave(id) {
    await this.#api.removeMember(id, this.store.state.me.id);
    this.store.dispatch({ type: "left", id });
  }

  // Messages

  /** Loads the newest messages of a conversation, back to the first unread one where that is not too far. */
  loadNewest(id) {
    const { unread } = this.store.state.conversations[id].me;
    return this.#loadPage(id, { limit: Math.min(LARGEST_PAGE, PAGE + unread) });
  }

  loadOlder(id) {
    const timeline = timelineOf(this.store.state, id);
    if (timeline.status !== "ready" || timeline.reachedStart || timeline.asking) return;
    return this.#loadPage(id, { limit: PAGE, before: oldest(timeline)?.seq });
  }

  /** In a group, ticks need to know how far everyone is. */
  async loadReceipts(id) {
    const items = await this.#api.receipts(id);
    this.store.dispatch({ type: "receiptsLoaded", conversation_id: id, items });
  }

  send(id, body) {
    this.#outbox.add(id, body);
  }

  retry(messageId) {
    this.#outbox.retry(messageId);
  }

  discard(messageId) {
    this.#outbox.remove(messageId);
  }

  edit({ conversation_id, seq }, body) {
    return this.#change("message.edit", { conversation_id, seq, body });
  }

  delete({ conversation_id, seq }) {
    return this.#change("message.delete", { conversation_id, seq });
  }

  /** Reacts with an emoji, or takes the same reaction back. */
  react({ conversation_id, seq, my_reaction }, emoji) {
    return this.#change("message.react", { conversation_id, seq, emoji, remove: my_reaction === emoji });
  }

  markRead(id, seq) {
    this.#acknowledger.read(id, seq);
  }

  // Notices

  toast(text, tone = "error") {
    this.store.dispatch({ type: "toast", toast: { id: this.#nextToast++, text, tone } });
  }

  dismiss(toastId) {
    this.store.dispatch({ type: "toastGone", id: toastId });
  }

  /** Runs what a person asked for, and says so if it fails. Resolves to whether it went well. */
  async attempt(work) {
    try {
      await work();
      return true;
    } catch (problem) {
      this.toast(problem.message);
      return false;
    }
  }

  #connectParts() {
    const connection = (status, retryAt) => this.store.dispatch({ type: "connection", status, retryAt });
    this.#socket.addEventListener("waiting", ({ detail }) => connection("offline", detail));
    this.#socket.addEventListener("close", () => {
      this.#outbox.close();
      this.#acknowledger.close();
      connection("offline", null);
    });
    this.#live.addEventListener("synced", () => {
      connection("online", null);
      this.#outbox.open();
      this.#acknowledger.open();
      this.#refreshGroupReceipts();
    });
    this.#live.addEventListener("message", ({ detail }) => this.#arrived(detail));
    this.#outbox.addEventListener("change", ({ detail }) => this.store.dispatch({ type: "outbox", items: detail }));
    this.#outbox.addEventListener("sent", ({ detail }) => this.#live.take(detail, true));
    this.store.subscribe((state) => this.#settleUnread(state));
  }

  #transmit({ id, conversation_id, body }) {
    return this.#socket.request("message.send", { conversation_id, id, body });
  }

  async #change(op, data) {
    this.#live.take(await this.#socket.request(op, data), false);
  }

  #arrived(message) {
    if (message.sender_id === this.store.state.me.id) this.#outbox.remove(message.id);
    if (MEMBERSHIP.includes(message.system?.type)) this.#membershipChanged(message.conversation_id).catch(() => {});
    else if (message.kind === "system") this.#refresh(message.conversation_id).catch(() => {});
  }

  async #membershipChanged(id) {
    const { members, receipts } = this.store.state;
    await this.#refresh(id);
    if (members[id]) await this.loadMembers(id);
    if (receipts[id]) await this.loadReceipts(id);
  }

  async #refresh(id) {
    const conversation = await this.#api.conversation(id);
    if (!this.store.state.conversations[id]?.left) this.#live.meet(conversation);
  }

  #opened(conversation) {
    this.#live.meet(conversation);
    return conversation.id;
  }

  async #loadPage(id, query) {
    const asking = uuidv7();
    this.store.dispatch({ type: "historyAsked", conversation_id: id, asking });
    try {
      const { items, next_cursor } = await this.#api.history(id, query);
      this.store.dispatch({ type: "history", conversation_id: id, asking, items, reachedStart: next_cursor === null });
    } catch (problem) {
      this.store.dispatch({ type: "historyRefused", conversation_id: id, asking });
      throw problem;
    }
  }

  /** Groups whose ticks are shown: their receipts aren't part of `sync`. */
  #refreshGroupReceipts() {
    const { conversations, receipts } = this.store.state;
    const groups = Object.keys(receipts).filter((id) => conversations[id]?.kind === "group" && !conversations[id].left);
    groups.forEach((id) => this.loadReceipts(id).catch(() => {}));
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

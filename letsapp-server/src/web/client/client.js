// A signed-in user's client: joins the parts, and is what the views call.
import { Account } from "./account.js";
import { Acknowledger } from "./acknowledger.js";
import { Contacts } from "./contacts.js";
import { Drafts } from "./drafts.js";
import { Groups } from "./groups.js";
import { History } from "./history.js";
import { uuidv7 } from "./ids.js";
import { Live } from "./live.js";
import { locks } from "./locks.js";
import { Notices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { Presence } from "./presence.js";
import { Socket } from "./socket.js";
import { initial, reduce } from "./state/reduce.js";
import { Store } from "./store.js";
import { Typing } from "./typing.js";

const TAB = uuidv7();

export class Client {
  store;
  account;
  contacts;
  drafts;
  groups;
  history;
  notices;
  people;
  presence;
  typing;
  #session;
  #api;
  #socket;
  #live;
  #outbox;
  #acknowledger;

  constructor({ session, api, location = window.location, storage = window.localStorage }) {
    const user = session.user;
    const store = new Store(reduce, initial(user));
    const socket = new Socket({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/ws`,
      token: () => session.accessToken(),
      verify: () => api.me(),
    });
    this.store = store;
    this.#session = session;
    this.#api = api;
    this.#socket = socket;
    this.#live = new Live({ store, socket, api });
    this.#outbox = new Outbox({ userId: user.id, storage, locks, tab: TAB, send: (item) => this.#transmit(item) });
    this.#acknowledger = new Acknowledger({ store, request: (due) => socket.request("receipt", due) });
    this.account = new Account({ store, api, session });
    this.drafts = new Drafts({ userId: user.id, storage });
    this.groups = new Groups({ store, api, live: this.#live });
    this.history = new History({ store, api });
    this.notices = new Notices({ store });
    this.people = new People({ store, fetch: (id) => api.user(id) });
    this.presence = new Presence({ store, request: (data) => socket.request("presence.watch", data) });
    this.typing = new Typing({ store, request: (data) => socket.request("typing", data) });
    this.contacts = new Contacts({ store, api, presence: this.presence });
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

  findUsers(query) {
    return this.#api.findUsers(query).then(({ items }) => items);
  }

  /** A page of the messages that are found: `{items, next_cursor}`. */
  search(query) {
    return this.#api.search(query);
  }

  /** Sends `{body, reply_to?, forwarded?, mentions?}`. */
  send(id, draft) {
    this.typing.sent(id);
    this.#outbox.add(id, draft);
  }

  /** Passes a message on to other conversations. */
  forward({ body }, ids) {
    ids.forEach((id) => this.#outbox.add(id, { body, forwarded: true }));
  }

  retry(messageId) {
    this.#outbox.retry(messageId);
  }

  discard(messageId) {
    this.#outbox.remove(messageId);
  }

  edit({ conversation_id, seq }, { body, mentions }) {
    this.typing.sent(conversation_id);
    return this.#change("message.edit", { conversation_id, seq, body, mentions });
  }

  delete({ conversation_id, seq }) {
    return this.#change("message.delete", { conversation_id, seq });
  }

  /** Reacts with an emoji, or takes the same reaction back. */
  react({ conversation_id, seq, my_reaction }, emoji) {
    return this.#change("message.react", { conversation_id, seq, emoji, remove: my_reaction === emoji });
  }

  /** Everyone who reacted to a message, `{user_id, emoji}` each. */
  reactions({ conversation_id, seq }) {
    return this.#api.reactions(conversation_id, seq);
  }

  markRead(id, seq) {
    this.#acknowledger.read(id, seq);
  }

  toast(text, tone) {
    this.notices.toast(text, tone);
  }

  /** Runs what a person asked for, and says so if it fails. Resolves to whether it went well. */
  attempt(work, words) {
    return this.notices.attempt(work, words);
  }

  #connectParts() {
    const connection = (status, retryAt) => this.store.dispatch({ type: "connection", status, retryAt });
    const whileConnected = [this.#outbox, this.#acknowledger, this.presence];
    this.#socket.addEventListener("waiting", ({ detail }) => connection("offline", detail));
    this.#socket.addEventListener("close", () => {
      whileConnected.forEach((part) => part.close());
      connection("offline", null);
    });
    this.#live.addEventListener("synced", () => {
      connection("online", null);
      whileConnected.forEach((part) => part.open());
      this.groups.refreshReceipts();
      // Names and settings that can wait: without them the client shows what it has.
      Promise.all([this.contacts.load(), this.account.load()]).catch(() => {});
    });
    this.#live.addEventListener("message", ({ detail: message }) => {
      if (message.sender_id === this.store.state.me.id) this.#outbox.remove(message.id);
      this.groups.told(message);
    });
    this.#live.addEventListener("news", ({ detail: message }) => this.notices.arrived(message));
    this.#live.addEventListener("typing", ({ detail }) => this.typing.heard(detail));
    this.#outbox.addEventListener("change", ({ detail }) => this.store.dispatch({ type: "outbox", items: detail }));
    this.#outbox.addEventListener("sent", ({ detail }) => this.#live.take(detail, true));
  }

  #transmit({ id, conversation_id, body, reply_to, forwarded, mentions }) {
    return this.#socket.request("message.send", { conversation_id, id, body, reply_to, forwarded, mentions });
  }

  async #change(op, data) {
    this.#live.take(await this.#socket.request(op, data), false);
  }
}

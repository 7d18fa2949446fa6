// @ts-check
// The client of a signed-in user: creates and connects the parts that the views use.
/** @import {Id, Media, Message, TypingData} from "../../types/protocol.d.ts" */
/** @import {Action, OutboxItem, State, Upload} from "../../types/state.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Session} from "../net/session.js" */
import { uuidv7 } from "../net/ids.js";
import { locks } from "../net/locks.js";
import { Socket } from "../net/socket.js";
import { initialState, reduce } from "../state/reduce.js";
import { Store } from "../state/store.js";
import { Acknowledger } from "../sync/acknowledger.js";
import { Files } from "../sync/files.js";
import { GroupDetails } from "../sync/group-details.js";
import { History } from "../sync/history.js";
import { LeftGroups } from "../sync/left-groups.js";
import { Live } from "../sync/live.js";
import { Outbox } from "../sync/outbox.js";
import { Presence } from "../sync/presence.js";
import { Profiles } from "../sync/profiles.js";
import { Typing } from "../sync/typing.js";
import { UnfinishedUploads } from "../sync/unfinished-uploads.js";
import { Uploads } from "../sync/uploads.js";
import { Account } from "./account.js";
import { Contacts } from "./contacts.js";
import { Drafts } from "./drafts.js";
import { Groups } from "./groups.js";
import { Messages } from "./messages.js";
import { Notifications } from "./notifications.js";
import { Pictures } from "./pictures.js";
import { videoPreview } from "./video-preview.js";

/** The id of this page among the browser's tabs: the same for every client that the page creates. */
const TAB = uuidv7();

export class Client {
  #session;
  #api;
  #socket;
  #live;
  #outbox;
  #acknowledger;
  #details;
  #leftGroups;

  /** @param {{session: Session, api: Api, location?: Location, storage?: Storage}} parts */
  constructor({ session, api, location = window.location, storage = window.localStorage }) {
    const user = session.user;
    if (!user) throw new Error("a client needs a signed-in user");
    /** @type {Store<State, Action>} */
    const store = new Store(reduce, initialState(user));
    const socket = new Socket({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/ws`,
      token: () => session.accessToken(),
      verify: () => api.me(),
    });
    const live = new Live({ store, socket, api });
    const outbox = new Outbox({ userId: user.id, storage, locks, tab: TAB, send: (item) => this.#transmit(item) });
    const acknowledger = new Acknowledger({ store, request: (receipt) => socket.request("receipt", receipt) });
    const details = new GroupDetails({ store, api, live });
    const leftGroups = new LeftGroups({ store, api });
    this.#session = session;
    this.#api = api;
    this.#socket = socket;
    this.#live = live;
    this.#outbox = outbox;
    this.#acknowledger = acknowledger;
    this.#details = details;
    this.#leftGroups = leftGroups;
    this.store = store;
    this.account = new Account({ store, api, session });
    this.drafts = new Drafts({ userId: user.id, storage });
    this.files = new Files({ store, api });
    this.groups = new Groups({ store, api, live, details, leftGroups });
    this.history = new History({ store, api });
    this.pictures = new Pictures({ store, api });
    this.notifications = new Notifications({ store });
    this.profiles = new Profiles({ store, fetchUser: (id) => api.user(id) });
    this.presence = new Presence({ store, request: (data) => socket.request("presence.watch", data) });
    this.typing = new Typing({ store, request: (data) => socket.request("typing", data) });
    this.contacts = new Contacts({ store, api, presence: this.presence });
    this.messages = new Messages({ api, socket, live, outbox, acknowledger, typing: this.typing });
    this.uploads = new Uploads({
      transfer: (form, options) => api.upload(form, options),
      transferInParts: (file, options) => api.uploadInParts(file, options),
      unfinished: new UnfinishedUploads({ userId: user.id, storage, locks, tab: TAB }),
      send: (id, draft) => this.messages.send(id, draft),
      drawVideo: videoPreview,
    });
    this.#connectParts();
  }

  start() {
    this.#socket.start();
  }

  /** Closes the connection and gives up what is being uploaded. The rest of the state stays as it is. */
  stop() {
    this.#socket.stop();
    this.uploads.clear();
  }

  /** Checks the connection at once, when something suggests that the network is back or gone. */
  checkConnection() {
    this.#socket.checkNow();
  }

  async signOut() {
    this.stop();
    this.#outbox.clear();
    this.drafts.clear();
    // Without a network the request fails; this device forgets the session all the same.
    await this.#api.logout().catch(() => {});
    this.#session.end("signed-out");
  }

  /**
   * Shows a toast.
   * @param {string} text
   * @param {"error" | "good"} [tone]
   */
  toast(text, tone) {
    this.notifications.toast(text, tone);
  }

  /**
   * Runs an action of the reader, and shows a toast where it fails. Resolves to whether it succeeded.
   * @param {() => unknown} work
   * @param {{forbidden?: string}} [words]
   */
  attempt(work, words) {
    return this.notifications.attempt(work, words);
  }

  #connectParts() {
    /** @type {(status: State["connection"]["status"], retryAt: number | null) => void} */
    const setConnection = (status, retryAt) => this.store.dispatch({ type: "connection", status, retryAt });
    /** @type {<Detail>(target: EventTarget, name: string, listener: (detail: Detail) => void) => void} */
    const on = (target, name, listener) =>
      target.addEventListener(name, (event) => listener(/** @type {CustomEvent} */ (event).detail));
    const whileConnected = [this.#outbox, this.#acknowledger, this.presence];

    on(this.#socket, "waiting", (/** @type {number} */ retryAt) => setConnection("offline", retryAt));
    on(this.#socket, "close", () => {
      whileConnected.forEach((part) => part.pause());
      setConnection("offline", null);
    });
    on(this.#live, "synced", () => {
      setConnection("online", null);
      whileConnected.forEach((part) => part.resume());
      this.#details.refreshReceipts();
      this.#leftGroups.refresh();
      this.files.refresh();
      this.uploads.resume();
      // Names and settings are not worth an error: without them the client shows what it has.
      Promise.all([this.contacts.load(), this.account.load()]).catch(() => {});
    });
    on(this.#live, "message", (/** @type {Message} */ message) => {
      // An own message that arrives was sent, whether or not its reply was lost.
      if (message.sender_id === this.store.state.me.id) this.#outbox.remove(message.id);
      this.#details.onMessage(message);
    });
    on(this.#live, "created", (/** @type {Message} */ message) => this.notifications.onNewMessage(message));
    on(this.#live, "removed", () => this.#leftGroups.refresh());
    on(this.#live, "reset", (/** @type {Id[]} */ ids) => this.#acknowledger.forget(ids));
    on(this.#live, "typing", (/** @type {TypingData} */ data) => this.typing.onEvent(data));
    on(this.#outbox, "change", (/** @type {OutboxItem[]} */ items) => this.store.dispatch({ type: "outbox", items }));
    on(this.#outbox, "sent", (/** @type {Message} */ message) => this.#live.applyMessage(message, true));
    on(this.uploads, "change", (/** @type {Upload[]} */ items) => this.store.dispatch({ type: "uploads", items }));
    on(this.uploads, "uploaded", (/** @type {Media} */ item) => this.store.dispatch({ type: "media", item }));
    // The server removes it by itself after a day.
    on(this.uploads, "unsent", (/** @type {Id} */ id) => this.#api.deleteMedia(id).catch(() => {}));
  }

  /** @param {OutboxItem} item */
  #transmit({ id, conversation_id, body, reply_to, forwarded, mentions, attachments }) {
    return this.#socket.request("message.send", { conversation_id, id, body, reply_to, forwarded, mentions, attachments });
  }
}

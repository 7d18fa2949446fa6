// @ts-check
// The connection between the socket and the state: applies events as they come, and fetches what was missed with `sync`.
/** @import {Conversation, Id, Message, ServerEvent} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Socket} from "../net/socket.js" */
/** @import {Store} from "../state/store.js" */
import { backoff } from "../net/backoff.js";
import { conversationsWithGaps, syncPositions } from "../state/reduce.js";

/** A skipped change number may only be late: with several servers, events overtake each other. After this long it counts as missed. */
const GAP_TIMEOUT_MS = 1_000;

/**
 * Dispatches `synced` when the state is that of the server, `message` (detail: the message) for each message that arrives or
 * changes, `created` (detail: the message) for each that was just sent, `removed` when the reader has left a conversation or removed
 * one that they had left from their list, `reset` (detail: ids of conversations) where the server has
 * gone back or too much was missed, so that what is known of them no longer counts, and `typing` (detail: the event's data).
 */
export class Live extends EventTarget {
  #store;
  #socket;
  #api;
  /** @type {string | undefined} */
  #since;
  /** @type {string | undefined} */
  #epoch;
  #syncing = false;
  #syncAgain = false;
  /** @type {ServerEvent[]} */
  #heldBack = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #gapTimer;

  /**
   * @param {object} parts
   * @param {Store<State, Action>} parts.store
   * @param {Pick<Socket, "isOpen" | "request" | "fits" | "addEventListener">} parts.socket
   * @param {Pick<Api, "sync">} parts.api
   */
  constructor({ store, socket, api }) {
    super();
    this.#store = store;
    this.#socket = socket;
    this.#api = api;
    socket.addEventListener("open", () => this.sync());
    socket.addEventListener("close", () => this.#cancelGapTimer());
    socket.addEventListener("event", (event) => {
      const { detail } = /** @type {CustomEvent<ServerEvent>} */ (event);
      if (this.#syncing) this.#heldBack.push(detail);
      else this.#onEvent(detail);
    });
  }

  /** Fetches what was missed. Events that come meanwhile are applied afterwards; those the answer contains already change nothing. */
  async sync() {
    if (this.#syncing) {
      this.#syncAgain = true;
      return;
    }
    this.#syncing = true;
    this.#cancelGapTimer();
    for (let attempt = 0; this.#socket.isOpen; ) {
      this.#syncAgain = false;
      try {
        await this.#fetchChanges();
      } catch {
        await new Promise((resume) => setTimeout(resume, backoff(attempt++)));
        continue;
      }
      if (!this.#syncAgain) break;
    }
    this.#syncing = false;
    this.#heldBack.splice(0).forEach((event) => this.#onEvent(event));
    if (this.#socket.isOpen) this.dispatchEvent(new CustomEvent("synced"));
  }

  /**
   * Applies a message from a reply.
   * @param {Message} message
   * @param {boolean} created whether the message is new, not changed
   */
  applyMessage(message, created) {
    this.#store.dispatch({ type: "message", message, created });
    this.#watchForGaps();
  }

  /**
   * Applies a conversation from a reply.
   * @param {Conversation} conversation
   */
  applyConversation(conversation) {
    this.#store.dispatch({ type: "conversation", conversation });
    this.#watchForGaps();
  }

  async #fetchChanges() {
    for (;;) {
      const request = { conversations: syncPositions(this.#store.state), since: this.#since };
      // The positions of very many conversations may be longer than a frame.
      const reply = await (this.#socket.fits(request) ? this.#socket.request("sync", request) : this.#api.sync(request));
      if (this.#hasNewEpoch(reply.epoch)) {
        // The server's store was restored from a backup. What is known may not be there any more, so everything is asked for anew.
        this.#since = undefined;
        this.#dispatchReset(Object.keys(this.#store.state.conversations));
        this.#store.dispatch({ type: "restored" });
        continue;
      }
      if (reply.reset.length > 0) this.#dispatchReset(reply.reset);
      this.#store.dispatch({ type: "synced", reply });
      reply.changes.forEach((message) => this.#dispatchMessage(message));
      this.#since = reply.mark;
      if (!reply.more) return;
    }
  }

  /** @param {string} epoch */
  #hasNewEpoch(epoch) {
    const before = this.#epoch;
    this.#epoch = epoch;
    return before !== undefined && before !== epoch;
  }

  /** @param {ServerEvent} event */
  #onEvent({ event, data }) {
    switch (event) {
      case "message.created":
      case "message.updated":
        return this.#onMessage(data, event === "message.created");
      case "receipt.updated":
        return this.#store.dispatch({ type: "receipts", conversation_id: data.conversation_id, items: data.items });
      case "conversation.created":
      case "conversation.updated":
        return this.applyConversation(data);
      case "conversation.removed":
        this.#store.dispatch({ type: "left", id: data.id });
        return void this.dispatchEvent(new CustomEvent("removed"));
      case "conversation.rev":
        this.#store.dispatch({ type: "rev", ...data });
        return this.#watchForGaps();
      case "media.ready":
        return this.#store.dispatch({ type: "media", item: data });
      case "typing":
        return void this.dispatchEvent(new CustomEvent("typing", { detail: data }));
      case "presence":
        return this.#store.dispatch({ type: "presence", items: [data] });
      case "resync":
        return void this.sync();
      case "session.revoked":
        // The socket has acted on these already.
        return;
      default:
        // A newer server may send more; the type checker demands a case for each event that is known.
        return void (/** @type {never} */ (event));
    }
  }

  /**
   * @param {Message} message
   * @param {boolean} created
   */
  #onMessage(message, created) {
    const { conversation_id: id } = message;
    const { conversations } = this.#store.state;
    const dispatchCreated = () => created && this.dispatchEvent(new CustomEvent("created", { detail: message }));
    // The sync brings an unknown conversation together with its messages.
    if (!conversations[id] || conversations[id].left) return void this.sync().then(dispatchCreated);
    this.applyMessage(message, created);
    this.#dispatchMessage(message);
    dispatchCreated();
  }

  /** @param {Message} message */
  #dispatchMessage(message) {
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  /** @param {Id[]} ids */
  #dispatchReset(ids) {
    this.dispatchEvent(new CustomEvent("reset", { detail: ids }));
  }

  #watchForGaps() {
    if (this.#gapTimer !== undefined || conversationsWithGaps(this.#store.state).length === 0) return;
    this.#gapTimer = setTimeout(() => {
      this.#gapTimer = undefined;
      if (conversationsWithGaps(this.#store.state).length > 0) this.sync();
    }, GAP_TIMEOUT_MS);
  }

  #cancelGapTimer() {
    clearTimeout(this.#gapTimer);
    this.#gapTimer = undefined;
  }
}

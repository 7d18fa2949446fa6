// @ts-check
// Receipts for the server: which messages have arrived on this device, and which the reader has read.
/** @import {Id, ReceiptRequest, Watermarks} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Store} from "../state/store.js" */
import { backoff } from "../net/backoff.js";
import { Problem } from "../net/http.js";

export class Acknowledger {
  #store;
  #request;
  /** The receipts already sent, by conversation. @type {Map<Id, {delivered: number, read: number} | undefined>} */
  #sent = new Map();
  /** The last message that the reader has seen, by conversation. @type {Map<Id, number>} */
  #readUpTo = new Map();
  #connected = false;
  #sending = false;
  /** @type {State["conversations"] | null} */
  #checked = null;

  /**
   * @param {object} parts
   * @param {Store<State, Action>} parts.store
   * @param {(receipt: ReceiptRequest) => Promise<Watermarks>} parts.request sends a receipt
   */
  constructor({ store, request }) {
    this.#store = store;
    this.#request = request;
    store.subscribe((state) => {
      if (state.conversations === this.#checked) return;
      this.#checked = state.conversations;
      this.#sendDue();
    });
  }

  resume() {
    this.#connected = true;
    this.#sendDue();
  }

  pause() {
    this.#connected = false;
  }

  /**
   * Marks a conversation as read up to this message.
   * @param {Id} conversationId
   * @param {number} seq
   */
  markRead(conversationId, seq) {
    if (seq <= (this.#readUpTo.get(conversationId) ?? 0)) return;
    this.#readUpTo.set(conversationId, seq);
    this.#sendDue();
  }

  /**
   * Forgets what was sent and read in these conversations: the server may have gone back, and its next messages are others.
   * @param {Id[]} conversationIds
   */
  forget(conversationIds) {
    for (const id of conversationIds) {
      this.#sent.delete(id);
      this.#readUpTo.delete(id);
    }
  }

  /** Sends one receipt at a time: what becomes due meanwhile is merged into the next one of its conversation. */
  async #sendDue() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      let attempt = 0;
      for (let due = this.#nextDue(); this.#connected && due; due = this.#nextDue()) {
        if (await this.#send(due)) attempt = 0;
        else await new Promise((resume) => setTimeout(resume, backoff(attempt++)));
      }
    } finally {
      this.#sending = false;
    }
  }

  /**
   * Sends one receipt. Returns false where it is to be tried again.
   * @param {ReceiptRequest} due
   */
  async #send(due) {
    const before = this.#sent.get(due.conversation_id);
    const sent = { delivered: Math.max(due.delivered ?? 0, due.read ?? 0), read: due.read ?? before?.read ?? 0 };
    this.#sent.set(due.conversation_id, sent);
    // Not where the conversation was forgotten meanwhile.
    const isCurrent = () => this.#sent.get(due.conversation_id) === sent;
    try {
      const item = { user_id: this.#store.state.me.id, ...(await this.#request(due)) };
      if (isCurrent()) this.#store.dispatch({ type: "receipts", conversation_id: due.conversation_id, items: [item] });
      return true;
    } catch (problem) {
      if (!(problem instanceof Problem && problem.transient)) return true;
      if (isCurrent()) this.#sent.set(due.conversation_id, before);
      return false;
    }
  }

  /** @returns {ReceiptRequest | null} */
  #nextDue() {
    for (const { id, left, head, me } of Object.values(this.#store.state.conversations)) {
      if (left) continue;
      const sent = this.#sent.get(id);
      const read = Math.min(this.#readUpTo.get(id) ?? 0, head.seq);
      if (read > Math.max(me.read_seq, sent?.read ?? 0)) return { conversation_id: id, read };
      if (head.seq > Math.max(me.delivered_seq, sent?.delivered ?? 0)) return { conversation_id: id, delivered: head.seq };
    }
    return null;
  }
}

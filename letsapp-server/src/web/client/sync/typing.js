// @ts-check
// Typing notifications: reports to the server when the reader types, and ends others' where their end got lost.
/** @import {Id, TypingData} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Store} from "../state/store.js" */

/** The shortest time between two reports. The server ends typing 6 s after the last one, so one may get lost. */
const REPEAT_MS = 3_000;
/** A pause this long counts as having stopped. */
const PAUSE_MS = 4_000;
/** The server ends typing after 6 s; a little more for an event that was late. */
const EXPIRY_MS = 7_500;

/** @typedef {ReturnType<typeof setTimeout>} Timer */

export class Typing {
  #store;
  #request;
  /** Reports of the reader's typing by conversation. @type {Map<Id, {at: number, pauseTimer: Timer}>} */
  #reported = new Map();
  /** Timers that end others' typing, by `conversation user`. @type {Map<string, Timer>} */
  #expiries = new Map();

  /**
   * @param {object} parts
   * @param {Store<State, Action>} parts.store
   * @param {(data: {conversation_id: Id, typing: boolean}) => Promise<unknown>} parts.request reports typing; failures are ignored
   */
  constructor({ store, request }) {
    this.#store = store;
    this.#request = request;
  }

  /**
   * Notes that the reader has changed the text of a message.
   * @param {Id} conversationId
   */
  onInput(conversationId) {
    const held = this.#reported.get(conversationId);
    clearTimeout(held?.pauseTimer);
    const isDue = !held || Date.now() - held.at >= REPEAT_MS;
    if (isDue) this.#report(conversationId, true);
    const pauseTimer = setTimeout(() => this.stop(conversationId), PAUSE_MS);
    this.#reported.set(conversationId, { at: isDue ? Date.now() : held.at, pauseTimer });
  }

  /**
   * Reports that the reader has stopped typing, if they were.
   * @param {Id} conversationId
   */
  stop(conversationId) {
    const held = this.#reported.get(conversationId);
    if (!held) return;
    clearTimeout(held.pauseTimer);
    this.#reported.delete(conversationId);
    this.#report(conversationId, false);
  }

  /**
   * Notes that a message was sent. The message itself ends typing, so nothing is reported.
   * @param {Id} conversationId
   */
  onSent(conversationId) {
    clearTimeout(this.#reported.get(conversationId)?.pauseTimer);
    this.#reported.delete(conversationId);
  }

  /**
   * Applies an event about another user.
   * @param {TypingData} event
   */
  onEvent({ conversation_id, user_id, typing }) {
    const key = `${conversation_id} ${user_id}`;
    clearTimeout(this.#expiries.get(key));
    this.#expiries.delete(key);
    this.#store.dispatch({ type: "typing", conversation_id, user_id, typing });
    if (!typing) return;
    const expire = () => this.onEvent({ conversation_id, user_id, typing: false });
    this.#expiries.set(key, setTimeout(expire, EXPIRY_MS));
  }

  /**
   * @param {Id} conversation_id
   * @param {boolean} typing
   */
  #report(conversation_id, typing) {
    this.#request({ conversation_id, typing }).catch(() => {});
  }
}

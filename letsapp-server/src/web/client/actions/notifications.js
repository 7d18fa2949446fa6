// @ts-check
// Toasts: notifications of failed actions, and of messages in conversations other than the open one.
/** @import {Id, Message} from "../../types/protocol.d.ts" */
/** @import {Action, State, Toast} from "../../types/state.d.ts" */
/** @import {Store} from "../state/store.js" */
import { isMuted } from "../state/conversations.js";
import { previewOf } from "../text/messages.js";
import { titleOf } from "../text/names.js";
import { explain } from "../text/problems.js";

export class Notifications {
  #store;
  #nextId = 1;
  /** @type {Id | null} */
  #openConversation = null;

  /** @param {{store: Store<State, Action>}} parts */
  constructor({ store }) {
    this.#store = store;
  }

  /**
   * Notes which conversation is on the screen, null for none.
   * @param {Id | null} conversationId
   */
  setOpenConversation(conversationId) {
    this.#openConversation = conversationId;
    if (conversationId) this.#store.dispatch({ type: "conversationOpened", conversation_id: conversationId });
  }

  /**
   * @param {string} text
   * @param {"error" | "good"} tone
   */
  toast(text, tone = "error") {
    this.#show({ id: this.#nextId++, text, tone });
  }

  /** @param {number} id */
  dismiss(id) {
    this.#store.dispatch({ type: "toastDismissed", id });
  }

  /**
   * Shows a toast for a new message, unless the reader sees it anyway or doesn't want one.
   * @param {Message} message
   */
  onNewMessage(message) {
    const { state } = this.#store;
    if (!shouldNotify(state, message, this.#openConversation)) return;
    const conversation = state.conversations[message.conversation_id];
    const title = titleOf(conversation, state.users);
    const text = previewOf(message, state.users, state.me.id, { group: conversation.kind === "group" });
    this.#show({ id: this.#nextId++, tone: "arrival", conversation_id: conversation.id, title, text });
  }

  /**
   * Runs an action of the reader, and shows a toast where it fails. Resolves to whether it succeeded.
   * @param {() => unknown} work
   * @param {{forbidden?: string}} [words] the texts to show in place of the server's
   */
  async attempt(work, words) {
    try {
      await work();
      return true;
    } catch (problem) {
      this.toast(explain(problem, words));
      return false;
    }
  }

  /** @param {Toast} toast */
  #show(toast) {
    this.#store.dispatch({ type: "toast", toast });
  }
}

/**
 * Tells whether a new message is worth a notification. A mention is, even in a muted conversation.
 * @param {Pick<State, "conversations" | "me">} state
 * @param {Message} message
 * @param {Id | null} openConversation
 */
export function shouldNotify({ conversations, me }, message, openConversation, now = Date.now()) {
  const conversation = conversations[message.conversation_id];
  if (!conversation || conversation.left || conversation.id === openConversation) return false;
  if (message.kind !== "user" || message.sender_id === me.id || message.deleted_at) return false;
  const mentioned = message.mentions?.includes(me.id) ?? false;
  return !conversation.me.archived && (mentioned || !isMuted(conversation, now));
}

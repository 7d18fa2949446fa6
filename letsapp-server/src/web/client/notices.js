// What the page says by itself: that something failed, or that somebody wrote elsewhere.
import { explain } from "./explain.js";
import { isMuted } from "./state/conversations.js";
import { previewOf, titleOf } from "./text.js";

export class Notices {
  #store;
  #next = 1;
  #open = null;

  constructor({ store }) {
    this.#store = store;
  }

  /** The reader has this conversation before them, or none. */
  looksAt(conversationId) {
    this.#open = conversationId;
    if (conversationId) this.#store.dispatch({ type: "toastsSeen", conversation_id: conversationId });
  }

  toast(text, tone = "error") {
    this.#show({ text, tone });
  }

  dismiss(id) {
    this.#store.dispatch({ type: "toastGone", id });
  }

  /** A message has come in: says so if the reader can't see it where they are, and wants to know. */
  arrived(message) {
    const { state } = this.#store;
    if (!isNews(state, message, this.#open)) return;
    const conversation = state.conversations[message.conversation_id];
    const title = titleOf(conversation, state.users);
    const text = previewOf(message, state.users, state.me.id, { group: conversation.kind === "group" });
    this.#show({ tone: "arrival", conversation_id: conversation.id, title, text });
  }

  /** Runs what a person asked for, and says so if it fails. Resolves to whether it went well. */
  async attempt(work, words) {
    try {
      await work();
      return true;
    } catch (problem) {
      this.toast(explain(problem, words));
      return false;
    }
  }

  #show(toast) {
    this.#store.dispatch({ type: "toast", toast: { id: this.#next++, ...toast } });
  }
}

/** Whether a message that has just come in is worth a word to a reader who has the conversation `open` before them. */
export function isNews({ conversations, me }, message, open, now = Date.now()) {
  const conversation = conversations[message.conversation_id];
  if (!conversation || conversation.left || conversation.id === open) return false;
  if (message.kind !== "user" || message.sender_id === me.id || message.deleted_at) return false;
  const named = message.mentions?.includes(me.id) ?? false;
  return !conversation.me.archived && (named || !isMuted(conversation, now));
}

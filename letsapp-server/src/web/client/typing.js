// Who is writing: tells the server what this reader does, and forgets others whose end of writing never came.

/** Telling more often than this would be swallowed. */
const AGAIN_MS = 3_000;
/** After a pause this long, nobody is writing any more. */
const PAUSE_MS = 4_000;
/** The server ends it after six seconds; a little more, in case its word was lost. */
const FORGOTTEN_MS = 7_500;

export class Typing {
  #store;
  #request;
  #told = new Map();
  #heard = new Map();

  /** @param request sends `{conversation_id, typing}`; whether it arrives doesn't matter */
  constructor({ store, request }) {
    this.#store = store;
    this.#request = request;
  }

  /** A key was pressed in a conversation. */
  wrote(conversationId) {
    const held = this.#told.get(conversationId);
    clearTimeout(held?.pause);
    const due = !held || Date.now() - held.at >= AGAIN_MS;
    if (due) this.#tell(conversationId, true);
    const pause = setTimeout(() => this.stopped(conversationId), PAUSE_MS);
    this.#told.set(conversationId, { at: due ? Date.now() : held.at, pause });
  }

  /** What was written is sent, or taken back. */
  stopped(conversationId) {
    const held = this.#told.get(conversationId);
    if (!held) return;
    clearTimeout(held.pause);
    this.#told.delete(conversationId);
    this.#tell(conversationId, false);
  }

  /** A message went out, which says by itself that its sender is done. */
  sent(conversationId) {
    clearTimeout(this.#told.get(conversationId)?.pause);
    this.#told.delete(conversationId);
  }

  /** Somebody else has begun, or stopped. */
  heard({ conversation_id, user_id, typing }) {
    const key = `${conversation_id} ${user_id}`;
    clearTimeout(this.#heard.get(key));
    this.#heard.delete(key);
    this.#store.dispatch({ type: "typing", conversation_id, user_id, typing });
    if (typing)
      this.#heard.set(
        key,
        setTimeout(() => this.heard({ conversation_id, user_id, typing: false }), FORGOTTEN_MS),
      );
  }

  #tell(conversation_id, typing) {
    this.#request({ conversation_id, typing }).catch(() => {});
  }
}

// Keeps the state in step with the server: what happens comes as events, what was missed by `sync`.
import { backoff } from "./backoff.js";
import { holes, positions } from "./state/reduce.js";

/** A change number that was skipped may only be late; after this long it counts as missed. */
const HOLE_PATIENCE_MS = 1_000;

/**
 * Dispatches `synced` when the state is as the server's, `message` (detail: the message) for each that comes in, `news` for each
 * that was just written, and `typing`.
 */
export class Live extends EventTarget {
  #store;
  #socket;
  #api;
  #since;
  #syncing = false;
  #again = false;
  #heldBack = [];
  #holeTimer = null;

  constructor({ store, socket, api }) {
    super();
    this.#store = store;
    this.#socket = socket;
    this.#api = api;
    socket.addEventListener("open", () => this.sync());
    socket.addEventListener("close", () => this.#forgetHole());
    socket.addEventListener("event", ({ detail }) => (this.#syncing ? this.#heldBack.push(detail) : this.#apply(detail)));
  }

  /** Fetches what was missed. Events that come meanwhile wait, and then find what the answer already held. */
  async sync() {
    if (this.#syncing) {
      this.#again = true;
      return;
    }
    this.#syncing = true;
    this.#forgetHole();
    for (let attempt = 0; this.#socket.isOpen;) {
      this.#again = false;
      try {
        await this.#rounds();
      } catch {
        await new Promise((resume) => setTimeout(resume, backoff(attempt++)));
        continue;
      }
      if (!this.#again) break;
    }
    this.#syncing = false;
    this.#heldBack.splice(0).forEach((event) => this.#apply(event));
    if (this.#socket.isOpen) this.dispatchEvent(new CustomEvent("synced"));
  }

  /** Takes a message that came as a reply. */
  take(message, created) {
    this.#store.dispatch({ type: "message", message, created });
    this.#watchForHoles();
  }

  /** Takes the server's account of a conversation. */
  meet(conversation) {
    this.#store.dispatch({ type: "conversation", conversation });
    this.#watchForHoles();
  }

  async #rounds() {
    for (;;) {
      const request = { conversations: positions(this.#store.state), since: this.#since };
      const reply = await (this.#socket.fits(request) ? this.#socket.request("sync", request) : this.#api.sync(request));
      this.#store.dispatch({ type: "synced", reply });
      reply.changes.forEach((message) => this.#announce(message));
      if (!reply.more) {
        this.#since = reply.server_time;
        return;
      }
    }
  }

  #apply({ event, data }) {
    switch (event) {
      case "message.created":
      case "message.updated":
        return this.#message(data, event === "message.created");
      case "receipt.updated":
        return this.#store.dispatch({ type: "receipts", conversation_id: data.conversation_id, items: data.items });
      case "conversation.created":
      case "conversation.updated":
        return this.meet(data);
      case "conversation.removed":
        return this.#store.dispatch({ type: "left", id: data.id });
      case "conversation.rev":
        this.#store.dispatch({ type: "rev", ...data });
        return this.#watchForHoles();
      case "typing":
        return this.dispatchEvent(new CustomEvent("typing", { detail: data }));
      case "presence":
        return this.#store.dispatch({ type: "presence", items: [data] });
      case "resync":
        return void this.sync();
    }
  }

  #message(message, created) {
    const { conversation_id: id } = message;
    const { conversations } = this.#store.state;
    const news = () => created && this.dispatchEvent(new CustomEvent("news", { detail: message }));
    // Of a conversation that isn't known, the message comes with it.
    if (!conversations[id] || conversations[id].left) return void this.sync().then(news);
    this.take(message, created);
    this.#announce(message);
    news();
  }

  #announce(message) {
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  #watchForHoles() {
    if (this.#holeTimer !== null || holes(this.#store.state).length === 0) return;
    this.#holeTimer = setTimeout(() => {
      this.#holeTimer = null;
      if (holes(this.#store.state).length > 0) this.sync();
    }, HOLE_PATIENCE_MS);
  }

  #forgetHole() {
    clearTimeout(this.#holeTimer);
    this.#holeTimer = null;
  }
}

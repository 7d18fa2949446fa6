// Brings messages of the past: by pages, around one place, or one alone.
import { Problem } from "./http.js";
import { uuidv7 } from "./ids.js";
import { timelineOf } from "./state/reduce.js";
import { find, newest, oldest } from "./state/timeline.js";

const PAGE = 50;
const LARGEST_PAGE = 200;
/** So many on either side of a place that is jumped to. */
const AROUND = 40;

export class History {
  #store;
  #api;
  #asked = new Set();

  constructor({ store, api }) {
    this.#store = store;
    this.#api = api;
  }

  /** Loads the newest messages of a conversation, back to the first unread one where that is not too far. */
  loadNewest(id) {
    const { unread } = this.#store.state.conversations[id].me;
    return this.#load(id, "history", () => this.#page(id, { limit: Math.min(LARGEST_PAGE, PAGE + unread) }));
  }

  loadOlder(id) {
    const timeline = timelineOf(this.#store.state, id);
    if (timeline.status !== "ready" || timeline.reachedStart || timeline.asking) return;
    return this.#load(id, "history", () => this.#page(id, { limit: PAGE, before: oldest(timeline)?.seq }));
  }

  loadNewer(id) {
    const timeline = timelineOf(this.#store.state, id);
    if (timeline.status !== "ready" || timeline.reachedEnd || timeline.asking) return;
    return this.#load(id, "history", () => this.#page(id, { limit: PAGE, after: newest(timeline)?.seq ?? 0 }));
  }

  /** Goes back to the newest messages from a place that lies far before them. */
  async returnToNewest(id) {
    if (timelineOf(this.#store.state, id).reachedEnd) return;
    await this.#load(id, "placed", async () => ({ ...(await this.#page(id, { limit: PAGE })), reachedEnd: true }));
  }

  /** Shows one message, wherever it is: what lies around it is loaded first. `highlights` are what to mark in it. */
  async jump(id, seq, highlights = []) {
    await this.#meet(id);
    if (!this.#holds(id, seq)) {
      await this.#load(id, "placed", async () => {
        const sides = [this.#page(id, { limit: AROUND, before: seq + 1 }), this.#page(id, { limit: AROUND, after: seq })];
        const [before, after] = await Promise.all(sides);
        return { ...before, ...after, items: [...before.items, ...after.items] };
      });
    }
    if (!this.#holds(id, seq)) throw new Problem({ code: "not_found" });
    this.#store.dispatch({ type: "target", target: { conversation_id: id, seq, highlights } });
  }

  /** Sees to it that a message that another answers is here. */
  async quote(id, seq) {
    const key = `${id} ${seq}`;
    if (this.#asked.has(key) || this.#holds(id, seq)) return;
    this.#asked.add(key);
    try {
      this.#store.dispatch({ type: "quoted", conversation_id: id, seq, message: await this.#api.message(id, seq) });
    } catch (problem) {
      if (problem.transient) this.#asked.delete(key);
      else this.#store.dispatch({ type: "quoted", conversation_id: id, seq, message: null });
    }
  }

  #holds(id, seq) {
    const timeline = timelineOf(this.#store.state, id);
    return timeline.status === "ready" && find(timeline, seq) !== undefined;
  }

  /**
   * Something was found in a conversation that isn't in the list, since its reader has left it. Where it only hasn't come yet, its
   * event or the next sync brings it.
   */
  async #meet(id) {
    if (this.#store.state.conversations[id]) return;
    const conversation = await this.#api.conversation(id);
    if (this.#store.state.conversations[id]) return;
    this.#store.dispatch({ type: "conversation", conversation });
    if (conversation.kind === "group") this.#store.dispatch({ type: "left", id });
  }

  async #page(id, query) {
    const { items, next_cursor } = await this.#api.history(id, query);
    return { items, [query.after === undefined ? "reachedStart" : "reachedEnd"]: next_cursor === null };
  }

  async #load(id, type, fetch) {
    const asking = uuidv7();
    this.#store.dispatch({ type: "historyAsked", conversation_id: id, asking });
    try {
      this.#store.dispatch({ type, conversation_id: id, asking, ...(await fetch()) });
    } catch (problem) {
      this.#store.dispatch({ type: "historyRefused", conversation_id: id, asking });
      throw problem;
    }
  }
}

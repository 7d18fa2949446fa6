// @ts-check
// Older messages, fetched page by page, around one message, or one by one for quotes.
/** @import {HistoryQuery, Id} from "../../types/protocol.d.ts" */
/** @import {Action, HistoryPage, Range, State} from "../../types/state.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Store} from "../state/store.js" */
import { Problem } from "../net/http.js";
import { uuidv7 } from "../net/ids.js";
import { timelineOf } from "../state/reduce.js";
import { find, newest, oldest } from "../state/timeline.js";

/** Messages per page: a few screens, small enough to arrive at once on a phone. */
const PAGE = 50;
/** The most messages that the server puts on a page. */
const LARGEST_PAGE = 200;
/** Messages to load on either side of a jump's target. */
const AROUND = 40;

export class History {
  #store;
  #api;
  /** Quotes that are being fetched, as `conversation seq`. Those that were fetched are in the state. @type {Set<string>} */
  #pendingQuotes = new Set();

  /** @param {{store: Store<State, Action>, api: Pick<Api, "history" | "message" | "conversation">}} parts */
  constructor({ store, api }) {
    this.#store = store;
    this.#api = api;
  }

  /**
   * Loads the newest messages of a conversation, back to the first unread one where one page holds them.
   * @param {Id} id
   */
  loadNewest(id) {
    const { unread } = this.#store.state.conversations[id].me;
    return this.#load(id, "history", () => this.#fetchPage(id, { limit: Math.min(LARGEST_PAGE, PAGE + unread) }));
  }

  /** @param {Id} id */
  async loadOlder(id) {
    const timeline = timelineOf(this.#store.state, id);
    if (timeline.status !== "ready" || timeline.reachedStart || timeline.pending) return;
    await this.#load(id, "history", () => this.#fetchPage(id, { limit: PAGE, before: oldest(timeline)?.seq }));
  }

  /** @param {Id} id */
  async loadNewer(id) {
    const timeline = timelineOf(this.#store.state, id);
    if (timeline.status !== "ready" || timeline.reachedEnd || timeline.pending) return;
    await this.#load(id, "history", () => this.#fetchPage(id, { limit: PAGE, after: newest(timeline)?.seq ?? 0 }));
  }

  /**
   * Loads the newest messages after a jump far back.
   * @param {Id} id
   */
  async returnToNewest(id) {
    if (timelineOf(this.#store.state, id).reachedEnd) return;
    await this.#load(id, "historyAround", async () => ({ ...(await this.#fetchPage(id, { limit: PAGE })), reachedEnd: true }));
  }

  /**
   * Brings a message into view, after loading the messages around it where necessary.
   * @param {Id} id
   * @param {number} seq
   * @param {Range[]} highlights ranges of its body to mark
   */
  async jumpTo(id, seq, highlights = []) {
    await this.#ensureConversation(id);
    if (!this.#hasMessage(id, seq)) {
      await this.#load(id, "historyAround", async () => {
        const sides = [
          this.#fetchPage(id, { limit: AROUND, before: seq + 1 }),
          this.#fetchPage(id, { limit: AROUND, after: seq }),
        ];
        const [before, after] = await Promise.all(sides);
        return { ...before, ...after, items: [...before.items, ...after.items] };
      });
    }
    if (!this.#hasMessage(id, seq)) throw new Problem({ code: "not_found" });
    this.#store.dispatch({ type: "target", target: { conversation_id: id, seq, highlights } });
  }

  /**
   * Fetches a message to be quoted, unless it is loaded or was found to be missing.
   * @param {Id} id
   * @param {number} seq
   */
  async loadQuoted(id, seq) {
    const key = `${id} ${seq}`;
    const isKnown = this.#hasMessage(id, seq) || this.#store.state.quoted[id]?.[seq] !== undefined;
    if (isKnown || this.#pendingQuotes.has(key)) return;
    this.#pendingQuotes.add(key);
    try {
      this.#store.dispatch({ type: "quoted", conversation_id: id, seq, message: await this.#api.message(id, seq) });
    } catch (problem) {
      if (problem instanceof Problem && problem.transient) return;
      this.#store.dispatch({ type: "quoted", conversation_id: id, seq, message: null });
    } finally {
      this.#pendingQuotes.delete(key);
    }
  }

  /**
   * @param {Id} id
   * @param {number} seq
   */
  #hasMessage(id, seq) {
    const timeline = timelineOf(this.#store.state, id);
    return timeline.status === "ready" && find(timeline, seq) !== undefined;
  }

  /**
   * Fetches a conversation that the list doesn't have: a search finds messages in groups that the reader has left.
   * @param {Id} id
   */
  async #ensureConversation(id) {
    if (this.#store.state.conversations[id]) return;
    const conversation = await this.#api.conversation(id);
    if (!this.#store.state.conversations[id]) this.#store.dispatch({ type: "conversation", conversation });
  }

  /**
   * @param {Id} id
   * @param {HistoryQuery} query
   * @returns {Promise<HistoryPage>}
   */
  async #fetchPage(id, query) {
    const { items, next_cursor } = await this.#api.history(id, query);
    return { items, [query.after === undefined ? "reachedStart" : "reachedEnd"]: next_cursor === null };
  }

  /**
   * @param {Id} id
   * @param {"history" | "historyAround"} type
   * @param {() => Promise<HistoryPage>} fetchPage
   */
  async #load(id, type, fetchPage) {
    const pending = uuidv7();
    this.#store.dispatch({ type: "historyRequested", conversation_id: id, pending });
    try {
      this.#store.dispatch({ type, conversation_id: id, pending, ...(await fetchPage()) });
    } catch (problem) {
      this.#store.dispatch({ type: "historyFailed", conversation_id: id, pending });
      throw problem;
    }
  }
}

// @ts-check
// Facts about files that the server knows, and the links by which the browser reads them.
/** @import {Id, Media, MediaUrl, Variant} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Store} from "../state/store.js" */
import { backoff } from "../net/backoff.js";
import { Problem } from "../net/http.js";

/** Requests under way at the same time: enough to fill a page quickly, too few to meet the rate limit. */
const CONCURRENT_REQUESTS = 4;
/** A link that ends within this time is not handed out any more: a video is read piece by piece for as long as it plays. */
const MARGIN_MS = 5 * 60_000;
/** Attempts at one request before its failure is reported. */
const ATTEMPTS = 4;

export class Files {
  #store;
  #api;
  #wait;
  /** Links, and those on their way, by file and variant. @type {Map<string, {link: Promise<string>, until: number}>} */
  #links = new Map();
  /** @type {Set<Id>} */
  #requested = new Set();
  /** @type {(() => void)[]} */
  #waiting = [];
  #running = 0;

  /**
   * @param {object} parts
   * @param {Store<State, Action>} parts.store
   * @param {{media(id: Id): Promise<Media>, mediaUrl(id: Id, variant: Variant): Promise<MediaUrl>}} parts.api
   * @param {(ms: number) => Promise<void>} [parts.wait]
   */
  constructor({ store, api, wait = (ms) => new Promise((resume) => setTimeout(resume, ms)) }) {
    this.#store = store;
    this.#api = api;
    this.#wait = wait;
  }

  /**
   * Returns an address at which the browser can read a file.
   * @param {Id} id
   * @param {Variant} variant
   * @returns {Promise<string>}
   */
  link(id, variant, now = Date.now()) {
    const key = `${variant}/${id}`;
    const held = this.#links.get(key);
    if (held && now < held.until) return held.link;
    const entry = { link: this.#requestLink(id, variant, key), until: Infinity };
    this.#links.set(key, entry);
    return entry.link;
  }

  /**
   * Forgets a link, after the browser could not read it.
   * @param {Id} id
   * @param {Variant} variant
   */
  forgetLink(id, variant) {
    this.#links.delete(`${variant}/${id}`);
  }

  /**
   * Fetches what is known of a file, unless that was done already.
   * @param {Id} id
   */
  async load(id) {
    if (this.#store.state.media[id] !== undefined || this.#requested.has(id)) return;
    this.#requested.add(id);
    try {
      const item = await this.#inTurn(() => this.#api.media(id));
      // The event may have come first.
      const held = /** @type {Media | null | undefined} */ (this.#store.state.media[id]);
      if (held?.status !== "ready") this.#store.dispatch({ type: "media", item });
    } catch (problem) {
      if (problem instanceof Problem && problem.transient) this.#requested.delete(id);
      else this.#store.dispatch({ type: "mediaMissing", id });
    }
  }

  /** Asks again about files that were not ready: the event may have come while there was no connection. */
  refresh() {
    for (const [id, media] of Object.entries(this.#store.state.media)) {
      if (media?.status !== "processing") continue;
      const ask = () => this.#inTurn(() => this.#api.media(id));
      ask().then(
        (item) => item.status === "ready" && this.#store.dispatch({ type: "media", item }),
        () => {},
      );
    }
  }

  /**
   * @param {Id} id
   * @param {Variant} variant
   * @param {string} key
   */
  async #requestLink(id, variant, key) {
    try {
      const { url, expires_at } = await this.#inTurn(() => this.#api.mediaUrl(id, variant));
      const entry = this.#links.get(key);
      if (entry) entry.until = Date.parse(expires_at) - MARGIN_MS;
      return url;
    } catch (problem) {
      this.#links.delete(key);
      throw problem;
    }
  }

  /**
   * Sends a request once there is room for it, and again after failures that pass.
   * @template T
   * @param {() => Promise<T>} send
   * @returns {Promise<T>}
   */
  async #inTurn(send) {
    if (this.#running >= CONCURRENT_REQUESTS) await new Promise((start) => this.#waiting.push(() => start(undefined)));
    else this.#running++;
    try {
      for (let attempt = 0; ; attempt++) {
        try {
          return await send();
        } catch (problem) {
          if (!(problem instanceof Problem && problem.transient) || attempt + 1 >= ATTEMPTS) throw problem;
          await this.#wait(problem.retryAfter ? problem.retryAfter * 1000 : backoff(attempt));
        }
      }
    } finally {
      // The place is handed on to the next one.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

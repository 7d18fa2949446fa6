// @ts-check
// The WebSocket connection to the server: requests with replies, events, heartbeat, and reconnecting with growing waits.
/** @import {Frame, Hello, Replies, ReplyFrame, Requests, ServerEvent} from "../../types/protocol.d.ts" */
import { backoff } from "./backoff.js";
import { Problem } from "./http.js";

/** A reply that takes longer than this will not come: the connection is given up. Slow phone networks take up to ten seconds. */
const REPLY_TIMEOUT_MS = 20_000;
/** A ping is answered at once, so a dead network is recognised sooner by one. */
const PING_TIMEOUT_MS = 5_000;
/** After a connection that lasted this long, the first wait is the shortest one again. One that fails sooner counts as refused. */
const STABLE_MS = 10_000;
/** The bytes of a request's frame beside its data, rounded up. */
const ENVELOPE_BYTES = 256;

/** The close code of a session that has ended. */
const SESSION_ENDED = 4001;
/** The close code of a connection that broke off, as browsers report it. */
const ABNORMAL = 1006;

/**
 * @typedef {object} PendingRequest
 * @property {(ok: any) => void} resolve
 * @property {(problem: Problem) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */

/**
 * Dispatches `open` (detail: `Hello`), `event` (detail: `ServerEvent`), `close`, and `waiting` (detail: the time of the next attempt
 * in milliseconds since the epoch). Tries again until `stop` is called.
 */
export class Socket extends EventTarget {
  #url;
  #token;
  #verify;
  #WebSocket;

  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Hello | null} */
  #hello = null;
  #openedAt = 0;
  #running = false;
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #heartbeatTimer;
  #nextId = 1;
  /** @type {Map<number, PendingRequest>} */
  #requests = new Map();

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {() => Promise<string>} options.token returns the access token to connect with
   * @param {() => Promise<unknown>} options.verify asks over HTTP whether the session is still valid. To a browser, a refused
   *   handshake and a dead network look the same.
   * @param {new (url: string, protocols: string[]) => WebSocket} [options.WebSocket]
   */
  constructor({ url, token, verify, WebSocket = globalThis.WebSocket }) {
    super();
    this.#url = url;
    this.#token = token;
    this.#verify = verify;
    this.#WebSocket = WebSocket;
  }

  get isOpen() {
    return this.#hello !== null;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#connect();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#retryTimer);
    this.#disconnect();
  }

  /** Connects at once instead of after the rest of the wait, or pings where there is a connection. */
  checkNow() {
    if (!this.#running) return;
    if (this.isOpen) this.#ping();
    else if (!this.#socket && this.#retryTimer !== undefined) this.#connect();
  }

  /**
   * Sends a request. Resolves to the reply's `ok`, rejects with a `Problem`.
   * @template {keyof Requests} Op
   * @param {Op} op
   * @param {Requests[Op]} data
   * @returns {Promise<Replies[Op]>}
   */
  request(op, data, timeout = REPLY_TIMEOUT_MS) {
    const socket = this.#socket;
    if (!socket || !this.isOpen) return Promise.reject(Problem.offline());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#requests.delete(id);
        reject(Problem.timeout());
        this.#drop();
      }, timeout);
      this.#requests.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ id, op, data }));
    });
  }

  /**
   * Tells whether a request with this data fits into one frame.
   * @param {object} data
   */
  fits(data) {
    return new Blob([JSON.stringify(data)]).size + ENVELOPE_BYTES <= (this.#hello?.max_frame_bytes ?? 0);
  }

  async #connect() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    let token;
    try {
      token = await this.#token();
    } catch {
      return this.#retryLater();
    }
    if (!this.#running || this.#socket) return;
    const socket = new this.#WebSocket(this.#url, ["letsapp.v1", `bearer.${token}`]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => this.#onClosed(code);
    this.#heartbeatTimer = setTimeout(() => this.#drop(), REPLY_TIMEOUT_MS);
  }

  /** @param {Frame} frame */
  #receive(frame) {
    if (frame.event === "hello") {
      this.#hello = frame.data;
      this.#openedAt = Date.now();
      this.#scheduleHeartbeat(frame.data.heartbeat_ms);
      this.dispatchEvent(new CustomEvent("open", { detail: frame.data }));
    } else if (frame.event) {
      this.dispatchEvent(new CustomEvent("event", { detail: /** @type {ServerEvent} */ (frame) }));
    } else {
      this.#settle(/** @type {ReplyFrame} */ (frame));
    }
  }

  /** @param {ReplyFrame} reply */
  #settle({ id, ok, error }) {
    const request = this.#requests.get(id);
    if (!request) return;
    this.#requests.delete(id);
    clearTimeout(request.timer);
    if (error) request.reject(new Problem(error));
    else request.resolve(ok);
  }

  /**
   * Pings once per interval. Browsers answer the server's pings without the page noticing, so the page finds a dead network only by
   * pings that it sends itself.
   * @param {number} interval
   */
  #scheduleHeartbeat(interval) {
    clearTimeout(this.#heartbeatTimer);
    this.#heartbeatTimer = setTimeout(async () => {
      await this.#ping();
      if (this.#hello) this.#scheduleHeartbeat(this.#hello.heartbeat_ms);
    }, interval);
  }

  async #ping() {
    // A ping without a reply drops the connection; there is nothing more to do about it here.
    await this.request("ping", {}, PING_TIMEOUT_MS).catch(() => {});
  }

  /** @param {number} code */
  #onClosed(code) {
    const wasOpen = this.isOpen;
    this.#disconnect();
    if (!this.#running) return;
    if (wasOpen && Date.now() - this.#openedAt > STABLE_MS) this.#attempt = 0;
    // Refused, or closed because the session has ended: the HTTP request finds out, and ends the session here too if so.
    if (!wasOpen || code === SESSION_ENDED) this.#verify().catch(() => {});
    this.#retryLater();
  }

  #drop() {
    if (this.#socket) this.#onClosed(ABNORMAL);
  }

  #retryLater() {
    if (!this.#running) return;
    const wait = backoff(this.#attempt++);
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    this.dispatchEvent(new CustomEvent("waiting", { detail: Date.now() + wait }));
  }

  /** Forgets the connection without waiting for the closing handshake, which never ends on a dead network. */
  #disconnect() {
    const socket = this.#socket;
    const wasOpen = this.isOpen;
    this.#socket = null;
    this.#hello = null;
    clearTimeout(this.#heartbeatTimer);
    if (socket) {
      socket.onmessage = null;
      socket.onclose = null;
      socket.close();
    }
    for (const { reject, timer } of this.#requests.values()) {
      clearTimeout(timer);
      reject(Problem.offline());
    }
    this.#requests.clear();
    if (wasOpen) this.dispatchEvent(new CustomEvent("close"));
  }
}

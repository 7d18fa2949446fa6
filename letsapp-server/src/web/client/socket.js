// A socket that comes back by itself: requests with replies, events, heartbeat, and back-off between attempts.
import { Problem } from "./http.js";
import { backoff } from "./backoff.js";

const REPLY_TIMEOUT_MS = 20_000;
const PROBE_TIMEOUT_MS = 5_000;
/** A connection that has lasted this long was a good one: the next attempt starts from the shortest wait again. */
const PROVEN_MS = 10_000;

/**
 * Dispatches `open` (detail: the `hello` data), `event` (detail: `{event, data}`), `close`, and `waiting` (detail: the time of the
 * next attempt). It never gives up by itself: whoever learns that the session has ended calls `stop`.
 */
export class Socket extends EventTarget {
  #url;
  #token;
  #verify;
  #WebSocket;

  #socket = null;
  #hello = null;
  #openedAt = 0;
  #running = false;
  #attempt = 0;
  #retryTimer = null;
  #heartbeatTimer = null;
  #nextRequest = 1;
  #requests = new Map();

  /**
   * @param url where to connect
   * @param token gives the access token to connect with
   * @param verify asks over HTTP whether the session still lives; a refused handshake looks to a browser like a dead network
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
    this.#abandon();
  }

  /** Tries at once instead of waiting on, or makes sure that an open connection is alive. */
  nudge() {
    if (!this.#running) return;
    if (this.isOpen) this.#probe();
    else if (!this.#socket && this.#retryTimer !== null) this.#connect();
  }

  /** Sends a request; resolves to the reply's `ok`, rejects with a `Problem`. */
  request(op, data, timeout = REPLY_TIMEOUT_MS) {
    if (!this.isOpen) return Promise.reject(Problem.offline());
    const id = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#requests.delete(id);
        reject(Problem.timeout());
        this.#drop();
      }, timeout);
      this.#requests.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ id, op, data }));
    });
  }

  /** Whether a request with this data fits into one frame. */
  fits(data) {
    const envelope = 256;
    return new Blob([JSON.stringify(data)]).size + envelope <= (this.#hello?.max_frame_bytes ?? 0);
  }

  async #connect() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
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
    socket.onclose = ({ code }) => this.#closed(code);
    this.#heartbeatTimer = setTimeout(() => this.#drop(), REPLY_TIMEOUT_MS);
  }

  #receive(frame) {
    if (frame.event === "hello") {
      this.#hello = frame.data;
      this.#openedAt = Date.now();
      this.#beat();
      this.dispatchEvent(new CustomEvent("open", { detail: frame.data }));
    } else if (frame.event) {
      this.dispatchEvent(new CustomEvent("event", { detail: frame }));
    } else {
      this.#settle(frame);
    }
  }

  #settle({ id, ok, error }) {
    const request = this.#requests.get(id);
    if (!request) return;
    this.#requests.delete(id);
    clearTimeout(request.timer);
    if (error) request.reject(new Problem(error));
    else request.resolve(ok);
  }

  /** A browser hides the server's pings, so a dead network is found by asking. */
  #beat() {
    clearTimeout(this.#heartbeatTimer);
    this.#heartbeatTimer = setTimeout(() => this.#probe().then(() => this.isOpen && this.#beat()), this.#hello.heartbeat_ms);
  }

  #probe() {
    return this.request("ping", {}, PROBE_TIMEOUT_MS).catch(() => {});
  }

  #closed(code) {
    const wasOpen = this.isOpen;
    this.#abandon();
    if (!this.#running) return;
    if (wasOpen && Date.now() - this.#openedAt > PROVEN_MS) this.#attempt = 0;
    // Refused before `hello`, or told that the session is over: only HTTP can say which, and ends the session if so.
    if (!wasOpen || code === 4001) this.#verify().catch(() => {});
    this.#retryLater();
  }

  #drop() {
    if (this.#socket) this.#closed(1006);
  }

  #retryLater() {
    if (!this.#running) return;
    const wait = backoff(this.#attempt++);
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    this.dispatchEvent(new CustomEvent("waiting", { detail: Date.now() + wait }));
  }

  /** Lets go of the connection without waiting for its closing handshake, which a dead network never finishes. */
  #abandon() {
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

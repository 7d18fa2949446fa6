// Who is signed in here. The one truth is localStorage, shared by all tabs; tokens are never copied out of it for long.
import { exchange, Problem } from "./http.js";
import { locks as sharedLocks } from "./locks.js";

const KEY = "letsapp.session";
const RENEWAL_LOCK = "letsapp.session.renewal";
/** A token this close to its end is renewed before it is used. */
const MARGIN_MS = 30_000;

export class Session extends EventTarget {
  #storage;
  #locks;
  #exchange;
  #parting = null;

  constructor({ storage = globalThis.localStorage, locks = sharedLocks, send = exchange } = {}) {
    super();
    this.#storage = storage;
    this.#locks = locks;
    this.#exchange = send;
  }

  /** The user signed in, or null. */
  get user() {
    return this.#record()?.user ?? null;
  }

  start({ user, tokens }) {
    this.#save(user, tokens);
  }

  /** Keeps what the user is called by now. */
  rename(user) {
    const record = this.#record();
    if (record?.user.id === user.id) this.#storage.setItem(KEY, JSON.stringify({ ...record, user }));
  }

  /** However the session ends from now on, this is why: what is about to be asked for may end it before it is answered. */
  endsAs(reason) {
    this.#parting = reason;
  }

  /** Forgets the tokens; `reason` is shown on the sign-in page. */
  end(reason) {
    if (!this.#record()) return;
    this.#storage.removeItem(KEY);
    this.#announce(this.#parting ?? reason);
    this.#parting = null;
  }

  /** Follows what other tabs do: signing out, or in as somebody else. */
  follow(window) {
    let known = this.user?.id;
    window.addEventListener("storage", (event) => {
      if (event.key !== KEY && event.key !== null) return;
      const present = this.user?.id;
      if (present === known) return;
      known = present;
      if (present) window.location.reload();
      else this.#announce("signed-out");
    });
    this.addEventListener("end", () => (known = undefined));
    return this;
  }

  /** An access token good for at least the next moments. */
  async accessToken() {
    const record = this.#record();
    if (!record) throw signedOut();
    if (Date.now() < record.expires_at - MARGIN_MS) return record.access_token;
    return this.renewed(record.access_token);
  }

  /**
   * A token newer than `stale`. Only one tab asks the server; the others wait for it and take what it got, since a refresh token
   * used twice ends the session.
   */
  renewed(stale) {
    return this.#locks.request(RENEWAL_LOCK, async () => {
      const record = this.#record();
      if (!record) throw signedOut();
      if (record.access_token !== stale) return record.access_token;
      try {
        const { tokens } = await this.#exchange("POST", "/v1/auth/refresh", {
          body: { refresh_token: record.refresh_token },
        });
        // Signed out while the answer was on its way: the new tokens are nobody's.
        if (!this.#record()) throw signedOut();
        this.#save(record.user, tokens);
        return tokens.access_token;
      } catch (problem) {
        if (problem.unauthenticated) this.end("expired");
        throw problem;
      }
    });
  }

  #record() {
    try {
      return JSON.parse(this.#storage.getItem(KEY));
    } catch {
      return null;
    }
  }

  #save(user, tokens) {
    const record = {
      user,
      access_token: tokens.access_token,
      refresh_token: tokens.refresh_token,
      expires_at: Date.now() + tokens.expires_in * 1000,
    };
    this.#storage.setItem(KEY, JSON.stringify(record));
  }

  #announce(reason) {
    this.dispatchEvent(new CustomEvent("end", { detail: reason }));
  }
}

function signedOut() {
  return new Problem({ code: "unauthenticated", status: 401, title: "You are signed out." });
}

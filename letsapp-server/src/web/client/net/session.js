// @ts-check
// The signed-in user's session: the tokens in localStorage, renewed by one tab at a time.
//
// All tabs share localStorage, so a token is read from there each time it is needed and never kept in a variable for long.
/** @import {Profile, SignedIn, Tokens} from "../../types/protocol.d.ts" */
import { exchange, Problem } from "./http.js";
import { locks as sharedLocks } from "./locks.js";

const KEY = "letsapp.session";
const RENEWAL_LOCK = "letsapp.session.renewal";
/** A token that ends within this time is renewed before it is used: the request must reach the server before the token ends. */
const RENEWAL_MARGIN_MS = 30_000;

/** @typedef {"expired" | "deleted" | "signed-out"} EndReason */
/** @typedef {{user: Profile, access_token: string, refresh_token: string, expires_at: number}} StoredSession */

/** Dispatches `end` (detail: an `EndReason`). */
export class Session extends EventTarget {
  #storage;
  #locks;
  #exchange;
  /** @type {EndReason | null} */
  #endReason = null;

  /**
   * @param {object} options
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} [options.storage]
   * @param {Pick<import("./locks.js").Locks, "request">} [options.locks]
   * @param {typeof exchange} [options.send]
   */
  constructor({ storage = globalThis.localStorage, locks = sharedLocks, send = exchange } = {}) {
    super();
    this.#storage = storage;
    this.#locks = locks;
    this.#exchange = send;
  }

  /** The signed-in user, or null. */
  get user() {
    return this.#stored()?.user ?? null;
  }

  /** @param {SignedIn} answer */
  start({ user, tokens }) {
    this.#save(user, tokens);
  }

  /**
   * Replaces the stored profile of the signed-in user.
   * @param {Profile} user
   */
  updateUser(user) {
    const stored = this.#stored();
    if (stored?.user.id === user.id) this.#storage.setItem(KEY, JSON.stringify({ ...stored, user }));
  }

  /**
   * Sets the reason to report for the session's end, whichever way the end is noticed. A request that ends the session, such as
   * deleting the account, may close the socket before the request is answered.
   * @param {EndReason | null} reason
   */
  setEndReason(reason) {
    this.#endReason = reason;
  }

  /**
   * Forgets the tokens. The sign-in page shows the reason.
   * @param {EndReason} reason
   */
  end(reason) {
    if (!this.#stored()) return;
    this.#storage.removeItem(KEY);
    this.#dispatchEnd(this.#endReason ?? reason);
    this.#endReason = null;
  }

  /**
   * Follows other tabs when they sign out, or sign in as another user.
   * @param {Window} window
   */
  followOtherTabs(window) {
    let known = this.user?.id;
    window.addEventListener("storage", (event) => {
      // The key is null when the whole storage was cleared.
      if (event.key !== KEY && event.key !== null) return;
      const present = this.user?.id;
      if (present === known) return;
      known = present;
      if (present) window.location.reload();
      else this.#dispatchEnd("signed-out");
    });
    this.addEventListener("end", () => (known = undefined));
    return this;
  }

  /**
   * Returns an access token that is valid for at least the next seconds.
   * @returns {Promise<string>}
   */
  async accessToken() {
    const stored = this.#stored();
    if (!stored) throw signedOut();
    if (Date.now() < stored.expires_at - RENEWAL_MARGIN_MS) return stored.access_token;
    return this.renewToken(stored.access_token);
  }

  /**
   * Returns an access token newer than `stale`. One tab renews it and the others wait for the result: a refresh token that is used
   * twice ends the session.
   * @param {string} stale
   * @returns {Promise<string>}
   */
  renewToken(stale) {
    return this.#locks.request(RENEWAL_LOCK, async () => {
      const stored = this.#stored();
      if (!stored) throw signedOut();
      if (stored.access_token !== stale) return stored.access_token;
      try {
        const { tokens } = await this.#exchange("POST", "/v1/auth/refresh", {
          body: { refresh_token: stored.refresh_token },
        });
        // The user may have signed out while the request was under way.
        if (!this.#stored()) throw signedOut();
        this.#save(stored.user, tokens);
        return tokens.access_token;
      } catch (problem) {
        if (problem instanceof Problem && problem.unauthenticated) this.end("expired");
        throw problem;
      }
    });
  }

  /** @returns {StoredSession | null} */
  #stored() {
    try {
      return JSON.parse(this.#storage.getItem(KEY) ?? "null");
    } catch {
      return null;
    }
  }

  /**
   * @param {Profile} user
   * @param {Tokens} tokens
   */
  #save(user, tokens) {
    /** @type {StoredSession} */
    const stored = {
      user,
      access_token: tokens.access_token,
      refresh_token: tokens.refresh_token,
      expires_at: Date.now() + tokens.expires_in * 1000,
    };
    this.#storage.setItem(KEY, JSON.stringify(stored));
  }

  /** @param {EndReason} reason */
  #dispatchEnd(reason) {
    this.dispatchEvent(new CustomEvent("end", { detail: reason }));
  }
}

function signedOut() {
  return new Problem({ code: "unauthenticated", status: 401, title: "You are signed out." });
}

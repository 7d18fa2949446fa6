// @ts-check
// An HTTP exchange with the server, and `Problem`, the error of every failed request.
/** @import {FieldError, ProblemDocument} from "../../types/protocol.d.ts" */

/** A failed request, as the server describes it (RFC 9457) or as the network failed. Branch on `code`. */
export class Problem extends Error {
  /** @type {string} */
  code;
  /** The HTTP status, 0 without an answer. */
  status;
  /** @type {FieldError[]} */
  errors;
  /** Seconds to wait before the next attempt, null if the server didn't say. */
  retryAfter;

  /** @param {ProblemDocument} document */
  constructor({ code, status = 0, title, detail, errors = [], retry_after = null }) {
    super(detail || title || code);
    this.name = "Problem";
    this.code = code;
    this.status = status;
    this.errors = errors;
    this.retryAfter = retry_after;
  }

  static offline() {
    return new Problem({ code: "offline", title: "The server can’t be reached right now." });
  }

  static timeout() {
    return new Problem({ code: "timeout", title: "The server took too long to answer." });
  }

  /** Whether the same request may succeed later, unchanged. */
  get transient() {
    return ["offline", "timeout", "rate_limited", "unavailable", "internal"].includes(this.code) || this.status >= 500;
  }

  /** Whether the server did not accept the access token. */
  get unauthenticated() {
    return this.status === 401;
  }
}

/**
 * @typedef {object} Options
 * @property {string} [token] the access token
 * @property {unknown} [body] the request's JSON
 * @property {typeof globalThis.fetch} [fetch]
 */

/**
 * Sends one JSON request. Resolves to the answer's JSON, or rejects with a `Problem`.
 * @param {string} method
 * @param {string} path
 * @param {Options} options
 * @returns {Promise<any>}
 */
export async function exchange(method, path, { token, body, fetch = globalThis.fetch } = {}) {
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  /** @type {RequestInit} */
  const init = { method, headers, cache: "no-store", credentials: "omit", redirect: "error" };
  if (body !== undefined) init.body = JSON.stringify(body);

  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw Problem.offline();
  }
  if (response.status === 204) return null;
  const answer = await parsed(response);
  if (response.ok) return answer;
  throw new Problem({ ...problemOf(response.status, response.headers.get("retry-after")), ...answer });
}

/** @param {Response} response */
async function parsed(response) {
  try {
    return await response.json();
  } catch {
    // An answer that breaks off is a network that failed.
    if (response.ok) throw Problem.offline();
    return {};
  }
}

/**
 * Describes a failure by its status alone: an answer of a proxy carries no problem document.
 * @param {number} status
 * @param {string | null} retryAfter the header of that name
 */
export function problemOf(status, retryAfter) {
  return {
    code: status === 429 ? "rate_limited" : status >= 500 ? "unavailable" : "invalid_request",
    status,
    title: `The server answered ${status}.`,
    retry_after: Number(retryAfter) > 0 ? Number(retryAfter) : null,
  };
}

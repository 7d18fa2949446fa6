// One HTTP exchange with the server, and what can go wrong with it.

/** A failure as the server (RFC 9457) or the network tells it. `code` is what to branch on. */
export class Problem extends Error {
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

  /** Whether the server no longer knows who is asking. */
  get unauthenticated() {
    return this.status === 401;
  }
}

/** Sends one JSON request; resolves to the parsed body, or rejects with a `Problem`. */
export async function exchange(method, path, { token, body, fetch = globalThis.fetch } = {}) {
  const headers = { accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
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
  throw new Problem({ ...withoutProblem(response), ...answer });
}

async function parsed(response) {
  try {
    return await response.json();
  } catch {
    if (response.ok) throw Problem.offline();
    return {};
  }
}

/** What is known of an error that carries no problem document: a proxy's page, a bare status. */
function withoutProblem(response) {
  const retryAfter = Number(response.headers.get("retry-after"));
  return {
    code: response.status === 429 ? "rate_limited" : response.status >= 500 ? "unavailable" : "invalid_request",
    status: response.status,
    title: `The server answered ${response.status}.`,
    retry_after: retryAfter > 0 ? retryAfter : null,
  };
}

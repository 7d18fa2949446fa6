// @ts-check
// Requests with a body of files, and their progress, which `fetch` does not report.
import { Problem, problemOf } from "./http.js";

/**
 * @typedef {object} Options
 * @property {string} token the access token
 * @property {AbortSignal} [signal] cancels the request, which is then rejected with an `AbortError`
 * @property {(part: number) => void} [onProgress] gets numbers from 0 to 1
 * @property {Record<string, string>} [headers]
 * @property {() => XMLHttpRequest} [open]
 */

/** An answer: its JSON, null where it has none, and its headers. @typedef {{json: any, header(name: string): string | null}} Answer */

/**
 * Sends a form. Resolves to the answer's JSON, or rejects with a `Problem`.
 * @param {string} path
 * @param {FormData} form
 * @param {Options} options
 * @returns {Promise<any>}
 */
export async function transfer(path, form, options) {
  const { json } = await send("POST", path, form, options);
  // An answer that breaks off is a network that failed.
  if (!json) throw Problem.offline();
  return json;
}

/**
 * Sends a request. Resolves to its answer, or rejects with a `Problem`.
 * @param {string} method
 * @param {string} path
 * @param {FormData | Blob | null} body
 * @param {Options} options
 * @returns {Promise<Answer>}
 */
export function send(method, path, body, { token, signal, onProgress, headers = {}, open = () => new XMLHttpRequest() }) {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
    if (signal?.aborted) return aborted();
    const request = open();
    const cancel = () => request.abort();
    request.open(method, path);
    for (const [name, value] of Object.entries({ accept: "application/json", authorization: `Bearer ${token}`, ...headers })) {
      request.setRequestHeader(name, value);
    }
    if (onProgress) {
      request.upload.addEventListener("progress", ({ lengthComputable, loaded, total }) => {
        if (lengthComputable && total > 0) onProgress(loaded / total);
      });
    }
    request.addEventListener("load", () => {
      const { status } = request;
      const json = parsed(request.responseText);
      const header = (/** @type {string} */ name) => request.getResponseHeader(name);
      if (status >= 200 && status < 300) return resolve({ json, header });
      if (status < 200) return reject(Problem.offline());
      reject(new Problem({ ...problemOf(status, header("retry-after")), ...json }));
    });
    request.addEventListener("error", () => reject(Problem.offline()));
    request.addEventListener("abort", aborted);
    request.addEventListener("loadend", () => signal?.removeEventListener("abort", cancel));
    signal?.addEventListener("abort", cancel);
    request.send(body);
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

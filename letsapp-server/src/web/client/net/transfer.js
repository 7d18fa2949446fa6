// @ts-check
// The upload of a form with its progress, which `fetch` does not report.
import { Problem, problemOf } from "./http.js";

/**
 * @typedef {object} Options
 * @property {string} token the access token
 * @property {AbortSignal} signal cancels the upload, which is then rejected with an `AbortError`
 * @property {(part: number) => void} onProgress gets numbers from 0 to 1
 * @property {() => XMLHttpRequest} [open]
 */

/**
 * Sends a form. Resolves to the answer's JSON, or rejects with a `Problem`.
 * @param {string} path
 * @param {FormData} form
 * @param {Options} options
 * @returns {Promise<any>}
 */
export function transfer(path, form, { token, signal, onProgress, open = () => new XMLHttpRequest() }) {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
    if (signal.aborted) return aborted();
    const request = open();
    const cancel = () => request.abort();
    request.open("POST", path);
    request.setRequestHeader("accept", "application/json");
    request.setRequestHeader("authorization", `Bearer ${token}`);
    request.upload.addEventListener("progress", ({ lengthComputable, loaded, total }) => {
      if (lengthComputable && total > 0) onProgress(loaded / total);
    });
    request.addEventListener("load", () => {
      const { status } = request;
      const answer = parsed(request.responseText);
      if (status >= 200 && status < 300 && answer) return resolve(answer);
      // An answer that breaks off is a network that failed.
      if (status < 300) return reject(Problem.offline());
      reject(new Problem({ ...problemOf(status, request.getResponseHeader("retry-after")), ...answer }));
    });
    request.addEventListener("error", () => reject(Problem.offline()));
    request.addEventListener("abort", aborted);
    request.addEventListener("loadend", () => signal.removeEventListener("abort", cancel));
    signal.addEventListener("abort", cancel);
    request.send(form);
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

// @ts-check
// Uploads in parts, by the protocol tus 1.0.0: one that breaks off goes on from where the server has it.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {Answer} from "./transfer.js" */
import { backoff } from "./backoff.js";
import { Problem } from "./http.js";

/**
 * Bytes of a part. The server keeps what has arrived of a part that breaks off; a proxy that collects a request before it passes it
 * on loses one part at most.
 */
const PART_BYTES = 4 * 2 ** 20;
/** Attempts without any progress before the upload fails: about 15 seconds, enough for a server that restarts. */
const ATTEMPTS = 6;
const ROOT = "/v1/uploads";
const VERSION = { "tus-resumable": "1.0.0" };

/**
 * @typedef {object} ResumableFile
 * @property {Id} id the id of the file to be
 * @property {Blob} file
 * @property {string} file_name
 * @property {string} content_type
 * @property {boolean} begun whether an earlier attempt may have reached the server
 */

/**
 * @typedef {object} CallOptions
 * @property {Record<string, string>} headers
 * @property {AbortSignal} [signal]
 * @property {(part: number) => void} [onProgress]
 */

/**
 * @typedef {object} Options
 * @property {(method: string, path: string, body: Blob | null, options: CallOptions) => Promise<Answer>} call
 * @property {AbortSignal} signal cancels the upload and removes it from the server
 * @property {(part: number) => void} onProgress gets numbers from 0 to 1
 * @property {(ms: number, signal: AbortSignal) => Promise<void>} [wait]
 */

/**
 * Uploads a file in parts. Resolves once the server has it all, or has ended the upload: which of both, the file itself tells.
 * @param {ResumableFile} upload
 * @param {Options} options
 */
export async function uploadInParts(upload, options) {
  try {
    await sendParts(upload, options);
  } catch (problem) {
    // The server would keep it for a day.
    if (options.signal.aborted) remove(upload.id, options);
    throw problem;
  }
}

/**
 * @param {ResumableFile} upload
 * @param {Options} options
 */
async function sendParts(upload, { call, signal, onProgress, wait = pause }) {
  const { id, file, begun } = upload;
  const { size } = file;
  let [asked, failures] = [begun, 0];
  /** Bytes that the server has; null where it is to be asked. @type {number | null} */
  let offset = null;
  for (;;) {
    try {
      offset ??= asked ? await offsetOf(upload, { call, signal }) : await create(upload, { call, signal });
      onProgress(offset / size);
      if (offset >= size) return;
      const at = /** @type {number} */ (offset);
      const part = file.slice(at, at + PART_BYTES);
      const answer = await call("PATCH", `${ROOT}/${id}`, part, {
        headers: { ...VERSION, "upload-offset": String(at), "content-type": "application/offset+octet-stream" },
        signal,
        onProgress: (sent) => onProgress((at + sent * part.size) / size),
      });
      offset = Number(answer.header("upload-offset"));
      failures = 0;
    } catch (problem) {
      const status = problem instanceof Problem ? problem.status : undefined;
      if (status === 410) return;
      // Another offset than the server's, or an upload that the server no longer has: asking tells.
      const misplaced = status === 404 || status === 409;
      if (!(problem instanceof Problem && (problem.transient || misplaced)) || ++failures >= ATTEMPTS) throw problem;
      [asked, offset] = [true, null];
      await wait(problem.retryAfter ? problem.retryAfter * 1000 : backoff(failures - 1), signal);
    }
  }
}

/**
 * Asks how much of an upload the server has. Begins it where that is nothing.
 * @param {ResumableFile} upload
 * @param {Pick<Options, "call" | "signal">} options
 */
async function offsetOf(upload, options) {
  try {
    const answer = await options.call("HEAD", `${ROOT}/${upload.id}`, null, { headers: VERSION, signal: options.signal });
    return Number(answer.header("upload-offset"));
  } catch (problem) {
    if (!(problem instanceof Problem && problem.status === 404)) throw problem;
    return create(upload, options);
  }
}

/**
 * @param {ResumableFile} upload
 * @param {Pick<Options, "call" | "signal">} options
 */
async function create({ id, file, file_name, content_type }, { call, signal }) {
  const metadata = Object.entries({ filename: file_name, filetype: content_type, id });
  const written = metadata.map(([name, value]) => `${name} ${base64(value)}`).join(",");
  const headers = { ...VERSION, "upload-length": String(file.size), "upload-metadata": written };
  const answer = await call("POST", ROOT, null, { headers, signal });
  return Number(answer.header("upload-offset") ?? 0);
}

/**
 * @param {Id} id
 * @param {Pick<Options, "call">} options
 */
function remove(id, { call }) {
  call("DELETE", `${ROOT}/${id}`, null, { headers: VERSION }).catch(() => {});
}

/**
 * Returns a text as UTF-8 in Base64.
 * @param {string} text
 */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/**
 * Waits, unless the upload is cancelled meanwhile.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resume, reject) => {
    const cancel = () => {
      clearTimeout(timer);
      reject(new DOMException("The upload was cancelled.", "AbortError"));
    };
    if (signal.aborted) return reject(new DOMException("The upload was cancelled.", "AbortError"));
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", cancel);
      resume();
    }, ms);
    signal.addEventListener("abort", cancel, { once: true });
  });
}

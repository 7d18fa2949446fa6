// @ts-check
// Failures as text for the reader. Pure.
/** @import {FieldError} from "../../types/protocol.d.ts" */

/** @type {Record<string, string>} */
const TEXTS = {
  not_found: "That isn’t there any more.",
  unavailable: "The server is busy right now. Please try again in a moment.",
  internal: "Something went wrong on the server. Please try again.",
  payload_too_large: "That is too much at once.",
};

/**
 * Returns the text for a failure.
 * @param {unknown} failure a `Problem`, or another error
 * @param {{forbidden?: string}} [words] texts in place of the server's, for codes that say too little by themselves
 */
export function explain(failure, { forbidden } = {}) {
  const problem = /** @type {Error & {code?: string, errors: FieldError[], retryAfter: number | null}} */ (failure);
  if (problem.code === "rate_limited") return `That was a little too fast. Please try again ${waitText(problem.retryAfter)}.`;
  if (["validation_failed", "forbidden", "payload_too_large"].includes(problem.code ?? "") && problem.errors?.length > 0) {
    return problem.errors.map(({ detail }) => sentence(detail)).join(" ");
  }
  if (problem.code === "forbidden" && forbidden) return forbidden;
  return TEXTS[problem.code ?? ""] ?? sentence(problem.message);
}

/** @param {number | null} seconds */
function waitText(seconds) {
  if (!seconds) return "in a moment";
  if (seconds < 90) return seconds === 1 ? "in a second" : `in ${seconds} seconds`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `in ${minutes} minutes` : `in ${Math.ceil(minutes / 60)} hours`;
}

/** @param {string} words */
function sentence(words) {
  const whole = words.charAt(0).toLocaleUpperCase() + words.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

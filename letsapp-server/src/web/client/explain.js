// What went wrong, in words for the one it happened to.

const WORDS = {
  not_found: "That isn’t there any more.",
  unavailable: "The server is busy right now. Please try again in a moment.",
  internal: "Something went wrong on the server. Please try again.",
  payload_too_large: "That is too much at once.",
};

/** `forbidden` is what to say where the server only says no. */
export function explain(problem, { forbidden } = {}) {
  if (problem.code === "rate_limited") return `That was a little too fast. Please try again ${waitOf(problem.retryAfter)}.`;
  if (problem.code === "forbidden" && forbidden) return forbidden;
  if (problem.code === "validation_failed" && problem.errors.length > 0) {
    return problem.errors.map(({ detail }) => sentence(detail)).join(" ");
  }
  return WORDS[problem.code] ?? sentence(problem.message);
}

function waitOf(seconds) {
  if (!seconds) return "in a moment";
  if (seconds < 90) return seconds === 1 ? "in a second" : `in ${seconds} seconds`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `in ${minutes} minutes` : `in ${Math.ceil(minutes / 60)} hours`;
}

function sentence(words) {
  const whole = words.charAt(0).toLocaleUpperCase() + words.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

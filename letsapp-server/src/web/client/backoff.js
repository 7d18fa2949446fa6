// How long to wait before trying again.

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** Exponential, and spread at random over its upper half, so that a server coming back isn't met by everyone at once. */
export function backoff(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return ceiling / 2 + (random() * ceiling) / 2;
}

// @ts-check
// Waiting times between attempts.

/** The first wait: short, since most failures are a single lost packet or a server that restarts. */
const FIRST_MS = 500;
/** The longest wait. A user who looks at the page is not kept waiting for longer once the server is back. */
const LONGEST_MS = 30_000;

/**
 * Returns how long to wait before the next attempt, in milliseconds: twice as long each time, and spread at random over the upper
 * half of that, so that a server that comes back isn't met by all clients at once.
 * @param {number} attempt the number of attempts that have failed before the last one
 */
export function backoff(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return ceiling / 2 + (random() * ceiling) / 2;
}

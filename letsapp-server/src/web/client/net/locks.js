// @ts-check
// Locks shared by all tabs of the browser. Pages not served over HTTPS or from localhost have none: there, each tab is on its own.

/**
 * @typedef {object} Locks
 * @property {<T>(name: string, work: () => Promise<T>) => Promise<T>} request runs `work` while it holds the lock
 * @property {() => Promise<{held?: {name?: string}[]}>} query lists the locks that are held, of all tabs
 */

/** @type {Locks} */
export const locks = globalThis.navigator?.locks ?? locksOfThisTab();

/** @returns {Locks} */
function locksOfThisTab() {
  /** @type {Map<string, Promise<unknown>>} */
  const tails = new Map();
  return {
    request(name, work) {
      const turn = (tails.get(name) ?? Promise.resolve()).then(work);
      tails.set(
        name,
        turn.catch(() => {}),
      );
      return turn;
    },
    query: async () => ({ held: [] }),
  };
}

// @ts-check
// Notes about the result of a search for messages. Pure.

/** The note where the server stopped before it had looked at everything. */
export const PARTIAL = "Not everything was searched. It would have taken too long.";

/**
 * Returns the title and the text for a search without a result.
 * @param {string} query
 * @param {{partial: boolean, here: boolean}} about `here`: only one chat was searched
 */
export function nothingFound(query, { partial, here }) {
  const title = here ? "Not found" : "No match";
  if (partial) return { title, text: PARTIAL };
  return { title, text: here ? `No message here has “${query}”.` : `No chat, no person and no message has “${query}”.` };
}

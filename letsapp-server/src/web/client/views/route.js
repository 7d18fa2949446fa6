// @ts-check
// The addresses of the client: the chat, the panel beside it, and the drawer over the list. Pure.

const ADDRESS = /^#\/(?:chat\/([0-9a-f-]+)(?:\/(info|search|person)(?:\/([0-9a-f-]+))?)?)?(?:\?([a-z/]+))?$/;

/**
 * Parses an address. `person` is the user that the panel shows; each part is null where there is none.
 * @param {string} hash
 */
export function routeOf(hash) {
  const [, chat = null, panel = null, person = null, drawer = null] = ADDRESS.exec(hash) ?? [];
  return { chat, panel, person, drawer };
}

/**
 * @param {string} id
 * @param {string} [panel]
 */
export function chatAddress(id, panel) {
  return `#/chat/${id}${panel ? `/${panel}` : ""}`;
}

/**
 * Returns the address with another drawer, null for none. The chat beside it stays.
 * @param {string} hash
 * @param {string | null} drawer
 */
export function withDrawer(hash, drawer) {
  const [place] = (hash || "#/").split("?");
  return drawer ? `${place}?${drawer}` : place;
}

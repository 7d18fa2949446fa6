// Where in the client an address points. Pure.

const ADDRESS = /^#\/(?:chat\/([0-9a-f-]+)(?:\/(info|search|person)(?:\/([0-9a-f-]+))?)?)?(?:\?([a-z/]+))?$/;

/** The chat, the panel beside it (with the person that it shows), and the drawer over the list: null where there is none. */
export function routeOf(hash) {
  const [, chat = null, panel = null, person = null, drawer = null] = ADDRESS.exec(hash) ?? [];
  return { chat, panel, person, drawer };
}

export function chatAddress(id, panel) {
  return `#/chat/${id}${panel ? `/${panel}` : ""}`;
}

/** A drawer leaves the chat beside it as it is. */
export function withDrawer(hash, drawer) {
  const [place] = (hash || "#/").split("?");
  return drawer ? `${place}?${drawer}` : place;
}

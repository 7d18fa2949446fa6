// The keys that work wherever the focus is.
import { chatAddress, routeOf } from "../route.js";
import { byActivity } from "../state/conversations.js";
import { useEffect } from "../vendor/htm-preact.js";
import { drawerAddress, go, useClient } from "./bindings.js";

/** Control on most keyboards, Command on a Mac. */
const control = (event) => event.ctrlKey || event.metaKey;
const withControl = (code, shift) => (event) => control(event) && event.shiftKey === shift && event.code === code;
const withAlt = (code) => (event) => event.altKey && !control(event) && !event.shiftKey && event.code === code;

export const SHORTCUTS = [
  { keys: "Ctrl K", does: "Search everywhere", when: withControl("KeyK", false), run: searchEverywhere },
  { keys: "Ctrl Shift F", does: "Search in this chat", when: withControl("KeyF", true), run: () => panel("search") },
  { keys: "Alt ↑", does: "Chat before", when: withAlt("ArrowUp"), run: (client) => neighbour(client, -1) },
  { keys: "Alt ↓", does: "Chat after", when: withAlt("ArrowDown"), run: (client) => neighbour(client, 1) },
  { keys: "Alt I", does: "Details of this chat", when: withAlt("KeyI"), run: () => panel("info") },
  { keys: "Alt N", does: "New group", when: withAlt("KeyN"), run: () => go(drawerAddress("group")) },
  { keys: "Alt C", does: "Contacts", when: withAlt("KeyC"), run: () => go(drawerAddress("contacts")) },
  { keys: "Alt S", does: "Settings", when: withAlt("KeyS"), run: () => go(drawerAddress("settings")) },
  {
    keys: "Ctrl /",
    does: "This list",
    when: (event) => control(event) && event.key === "/",
    run: () => go(drawerAddress("help")),
  },
  { keys: "Esc", does: "Close what is on top", when: escapes, run: closeOne },
];

/** Has the keys work for as long as the view is there. */
export function useShortcuts() {
  const client = useClient();
  useEffect(() => {
    const keys = (event) => {
      // A dialog has the keyboard to itself.
      if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
      const shortcut = SHORTCUTS.find(({ when }) => when(event));
      if (!shortcut) return;
      event.preventDefault();
      shortcut.run(client);
    };
    window.addEventListener("keydown", keys);
    return () => window.removeEventListener("keydown", keys);
  }, [client]);
}

function searchEverywhere() {
  go(drawerAddress(null));
  requestAnimationFrame(() => document.querySelector(".sidebar .search .input")?.focus());
}

function panel(name) {
  const { chat } = routeOf(window.location.hash);
  if (chat) go(chatAddress(chat, name));
}

function neighbour({ store }, step) {
  const { chat } = routeOf(window.location.hash);
  const shown = byActivity(store.state.conversations).filter(({ id, me }) => !me.archived || id === chat);
  const at = shown.findIndex(({ id }) => id === chat);
  const next = at < 0 ? shown[0] : shown[at + step];
  if (next) go(chatAddress(next.id));
}

function escapes(event) {
  const { panel, drawer } = routeOf(window.location.hash);
  return event.key === "Escape" && Boolean(panel || drawer) && !document.querySelector(":popover-open");
}

function closeOne() {
  const { chat, drawer } = routeOf(window.location.hash);
  go(drawer ? drawerAddress(null) : chatAddress(chat));
}

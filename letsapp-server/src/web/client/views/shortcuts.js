// @ts-check
// The keyboard shortcuts that work wherever the focus is.
/** @import {Client} from "../actions/client.js" */
import { byActivity } from "../state/conversations.js";
import { useEffect } from "../vendor/htm-preact.js";
import { drawerAddress, go, useClient } from "./hooks.js";
import { chatAddress, routeOf } from "./route.js";

/** Control on most keyboards, Command on a Mac. */
const control = (/** @type {KeyboardEvent} */ event) => event.ctrlKey || event.metaKey;
/** @type {(code: string, shift: boolean) => (event: KeyboardEvent) => boolean} */
const withControl = (code, shift) => (event) => control(event) && event.shiftKey === shift && event.code === code;
/** @type {(code: string) => (event: KeyboardEvent) => boolean} */
const withAlt = (code) => (event) => event.altKey && !control(event) && !event.shiftKey && event.code === code;

/** @type {{keys: string, does: string, when(event: KeyboardEvent): boolean, run(client: Client): void}[]} */
export const SHORTCUTS = [
  { keys: "Ctrl K", does: "Search everywhere", when: withControl("KeyK", false), run: searchEverywhere },
  { keys: "Ctrl Shift F", does: "Search in this chat", when: withControl("KeyF", true), run: () => openPanel("search") },
  { keys: "Alt ↑", does: "Chat before", when: withAlt("ArrowUp"), run: (client) => openNeighbour(client, -1) },
  { keys: "Alt ↓", does: "Chat after", when: withAlt("ArrowDown"), run: (client) => openNeighbour(client, 1) },
  { keys: "Alt I", does: "Details of this chat", when: withAlt("KeyI"), run: () => openPanel("info") },
  { keys: "Alt N", does: "New group", when: withAlt("KeyN"), run: () => go(drawerAddress("group")) },
  { keys: "Alt C", does: "Contacts", when: withAlt("KeyC"), run: () => go(drawerAddress("contacts")) },
  { keys: "Alt S", does: "Settings", when: withAlt("KeyS"), run: () => go(drawerAddress("settings")) },
  {
    keys: "Ctrl /",
    does: "This list",
    when: (event) => control(event) && event.key === "/",
    run: () => go(drawerAddress("help")),
  },
  { keys: "Esc", does: "Close what is on top", when: isEscape, run: closeTopmost },
];

/** Handles the shortcuts for as long as the view is there. */
export function useShortcuts() {
  const client = useClient();
  useEffect(() => {
    const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
      // A dialog handles its keys itself.
      if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
      const shortcut = SHORTCUTS.find(({ when }) => when(event));
      if (!shortcut) return;
      event.preventDefault();
      shortcut.run(client);
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [client]);
}

function searchEverywhere() {
  go(drawerAddress(null));
  requestAnimationFrame(() => {
    /** @type {HTMLElement | null} */
    const field = document.querySelector(".sidebar .search .input");
    field?.focus();
  });
}

/** @param {string} name */
function openPanel(name) {
  const { chat } = routeOf(window.location.hash);
  if (chat) go(chatAddress(chat, name));
}

/**
 * Opens the chat before or after the open one in the list.
 * @param {Client} client
 * @param {number} step
 */
function openNeighbour({ store }, step) {
  const { chat } = routeOf(window.location.hash);
  const shown = byActivity(store.state.conversations).filter(({ id, me }) => !me.archived || id === chat);
  const at = shown.findIndex(({ id }) => id === chat);
  const next = at < 0 ? shown[0] : shown[at + step];
  if (next) go(chatAddress(next.id));
}

/**
 * Tells whether Escape is to close a panel or a drawer. The browser itself closes a popover.
 * @param {KeyboardEvent} event
 */
function isEscape(event) {
  const { panel, drawer } = routeOf(window.location.hash);
  return event.key === "Escape" && Boolean(panel || drawer) && !document.querySelector(":popover-open");
}

function closeTopmost() {
  const { chat, drawer } = routeOf(window.location.hash);
  if (drawer) go(drawerAddress(null));
  else if (chat) go(chatAddress(chat));
}

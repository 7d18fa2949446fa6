// @ts-check
// Boxes that float beside the element that opened them, and the menus in them.
/** @import {ClickEvent, KeyEvent, MenuItem} from "../../types/views.d.ts" */
/** @import {Children, Ref} from "../vendor/htm-preact.js" */
import { html, useEffect, useLayoutEffect, useRef } from "../vendor/htm-preact.js";
import { moveFocus } from "./elements.js";
import { Icon } from "./icons.js";

/**
 * A list of actions in which the arrow keys move.
 * @param {{anchor: HTMLElement, label: string, testid: string, items: MenuItem[], onClose(): void}} props
 */
export function Menu({ anchor, label, testid, items, onClose }) {
  /** @type {Ref<HTMLElement>} */
  const list = useRef(null);
  useEffect(() => list.current.querySelector("button")?.focus({ preventScroll: true }), []);
  const select = (/** @type {MenuItem} */ item) => {
    onClose();
    item.onSelect();
  };
  return html`<${Popover} anchor=${anchor} label=${label} testid=${testid} onClose=${onClose}>
    <div class="menu" role="menu" aria-label=${label} ref=${list} onKeyDown=${(event) => moveFocus(event, ".menu-item")}>
      ${items.map(
        (item) => html`<button
          type="button" key=${item.label} role="menuitem" class="menu-item ${item.danger ? "danger" : ""}" data-testid=${item.testid}
          onClick=${() => select(item)}
        >
          <${Icon} name=${item.icon} />${item.label}
        </button>`,
      )}
    </div>
  <//>`;
}

/**
 * A box beside `anchor`. The browser closes it on Escape or a click elsewhere.
 * @param {{anchor: HTMLElement, label: string, testid: string, onClose(): void, children: Children}} props
 */
export function Popover({ anchor, label, testid, onClose, children }) {
  /** @type {Ref<HTMLElement>} */
  const box = useRef(null);
  useLayoutEffect(() => {
    const element = box.current;
    element.showPopover();
    place(element, anchor);
    return () => anchor.isConnected && element.contains(document.activeElement) && anchor.focus();
  }, []);
  useEffect(() => {
    const follow = () => place(box.current, anchor);
    window.addEventListener("resize", follow);
    return () => window.removeEventListener("resize", follow);
  }, []);
  const toggled = (/** @type {ToggleEvent} */ event) => event.newState === "closed" && onClose();
  // The list that the popover is drawn in would handle its keys too.
  const keep = (/** @type {KeyEvent} */ event) => event.stopPropagation();
  return html`<div
    ref=${box} popover="auto" class="popover" role="dialog" aria-label=${label} data-testid=${testid} onToggle=${toggled} onKeyDown=${keep}
  >
    ${children}
  </div>`;
}

/**
 * Places an element on the side of the anchor that has more room, and within the window.
 * @param {HTMLElement} element
 * @param {HTMLElement} anchor
 */
function place(element, anchor) {
  const margin = 8;
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  /** @type {(wanted: number, size: number, room: number) => number} */
  const within = (wanted, size, room) => Math.max(margin, Math.min(wanted, room - size - margin));
  const below = at.top + at.bottom < window.innerHeight;
  const y = below ? at.bottom + margin : at.top - height - margin;
  element.style.setProperty("left", `${within(at.left + at.width / 2 - width / 2, width, window.innerWidth)}px`);
  element.style.setProperty("top", `${within(y, height, window.innerHeight)}px`);
}

/**
 * Opens a menu after a right click or a long press. It opens on release, since the release would close a popover again.
 * @param {ClickEvent} event
 * @param {(anchor: HTMLElement) => void} open
 */
export function contextMenu(event, open) {
  event.preventDefault();
  const anchor = event.currentTarget;
  const { pointerType } = /** @type {{pointerType?: string}} */ (event);
  if (event.buttons === 0 && pointerType !== "touch") return open(anchor);
  const released = () => setTimeout(() => open(anchor));
  window.addEventListener("pointerup", released, { once: true });
}

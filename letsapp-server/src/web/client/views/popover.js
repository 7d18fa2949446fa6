// Boxes that float beside what opened them, and the menus in them.
import { html, useEffect, useLayoutEffect, useRef } from "../vendor/htm-preact.js";
import { moveFocus } from "./elements.js";
import { Icon } from "./icons.js";

/** What can be done with something, as a list that arrow keys move in: `{icon, label, testid, danger?, onSelect}` each. */
export function Menu({ anchor, label, testid, items, onClose }) {
  const list = useRef(null);
  useEffect(() => list.current.querySelector("button").focus({ preventScroll: true }), []);
  const select = (item) => {
    onClose();
    item.onSelect();
  };
  return html`<${Popover} anchor=${anchor} label=${label} testid=${testid} onClose=${onClose}>
    <div class="menu" role="menu" aria-label=${label} ref=${list} onKeyDown=${(event) => moveFocus(event, ".menu-item")}>
      ${items.filter(Boolean).map(
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

/** A box that floats beside `anchor`; the browser closes it on Escape or a click elsewhere. */
export function Popover({ anchor, label, testid, onClose, children }) {
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
  const toggled = (event) => event.newState === "closed" && onClose();
  // Its keys are nobody else's, though it may stand in a list.
  const keep = (event) => event.stopPropagation();
  return html`<div
    ref=${box} popover="auto" class="popover" role="dialog" aria-label=${label} data-testid=${testid} onToggle=${toggled} onKeyDown=${keep}
  >
    ${children}
  </div>`;
}

/** On the side of the anchor where there is more room, and never past an edge. */
function place(element, anchor) {
  const margin = 8;
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  const within = (wanted, size, room) => Math.max(margin, Math.min(wanted, room - size - margin));
  const below = at.top + at.bottom < window.innerHeight;
  const y = below ? at.bottom + margin : at.top - height - margin;
  element.style.setProperty("left", `${within(at.left + at.width / 2 - width / 2, width, window.innerWidth)}px`);
  element.style.setProperty("top", `${within(y, height, window.innerHeight)}px`);
}

/** Opens what a right click or a long press asks for: once it is released, since its end would close a popover again. */
export function contextMenu(event, open) {
  event.preventDefault();
  const anchor = event.currentTarget;
  if (event.buttons === 0 && event.pointerType !== "touch") return open(anchor);
  const released = () => setTimeout(() => open(anchor));
  window.addEventListener("pointerup", released, { once: true });
}

// Small pieces that all views share.
import { hueOf, initialsOf } from "../text.js";
import { Component, html, useEffect, useLayoutEffect, useRef } from "../vendor/htm-preact.js";
import { Icon } from "./icons.js";

/** A view that is drawn again only when one of its properties is another: a long list redraws one row, not all. */
export function memo(view) {
  return class extends Component {
    shouldComponentUpdate(next) {
      return Object.keys({ ...this.props, ...next }).some((key) => next[key] !== this.props[key]);
    }

    render(props) {
      return html`<${view} ...${props} />`;
    }
  };
}

/** Initials on a hue of their own, in place of a picture; people are round, groups are not. */
export function Avatar({ id, name, kind = "person", size = "medium", online = false }) {
  return html`<span class="avatar ${kind} ${size} ${online ? "online" : ""}" style=${{ "--hue": hueOf(id) }} aria-hidden="true">${initialsOf(name)}</span>`;
}

export function IconButton({ icon, label, testid, className = "", ...rest }) {
  return html`<button type="button" class="icon-button ${className}" aria-label=${label} title=${label} data-testid=${testid} ...${rest}>
    <${Icon} name=${icon} />
  </button>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty">
    <p class="empty-title">${title}</p>
    <p class="empty-text">${children}</p>
  </div>`;
}

export function Spinner({ label }) {
  return html`<div class="spinner" role="status"><span class="visually-hidden">${label}</span></div>`;
}

/** A setting that is on or off. */
export function Switch({ label, hint, testid, checked, disabled, onChange }) {
  return html`<label class="switch-row">
    <span class="switch-text"><span>${label}</span>${hint && html`<span class="hint">${hint}</span>`}</span>
    <input
      type="checkbox" role="switch" class="switch" data-testid=${testid} checked=${checked} disabled=${disabled}
      onChange=${(event) => onChange(event.currentTarget.checked)}
    />
  </label>`;
}

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

/** A modal dialog: the browser keeps the focus inside, and Escape or a click beside it closes it. */
export function Dialog({ title, testid, onClose, children }) {
  const dialog = useRef(null);
  useLayoutEffect(() => dialog.current.showModal(), []);
  const besides = (event) => event.target === dialog.current && onClose();
  return html`<dialog ref=${dialog} class="dialog" aria-label=${title} data-testid=${testid} onClose=${onClose} onClick=${besides}>
    <div class="dialog-box">
      <header class="dialog-head">
        <h2>${title}</h2>
        <${IconButton} icon="close" label="Close" testid="dialog-close" onClick=${onClose} />
      </header>
      ${children}
    </div>
  </dialog>`;
}

/** Asks before something that can't be undone. */
export function Confirm({ title, text, action, onConfirm, onClose }) {
  return html`<${Dialog} title=${title} testid="confirm" onClose=${onClose}>
    <p class="dialog-text">${text}</p>
    <footer class="dialog-foot">
      <button type="button" class="button quiet" data-testid="confirm-no" onClick=${onClose}>Cancel</button>
      <button type="button" class="button danger" data-testid="confirm-yes" onClick=${onConfirm}>${action}</button>
    </footer>
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
  return html`<div ref=${box} popover="auto" class="popover" role="dialog" aria-label=${label} data-testid=${testid} onToggle=${toggled}>
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

/** Moves the focus along a row or a list of elements, as arrow keys are expected to. */
export function moveFocus(event, selector, { step = 1 } = {}) {
  const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: step, ArrowUp: -step }[event.key];
  const elements = [...event.currentTarget.querySelectorAll(selector)];
  const at = elements.indexOf(document.activeElement);
  if (!move || at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  // Else a list within a list would move twice.
  event.stopPropagation();
  elements[Math.min(Math.max(0, at + move), elements.length - 1)].focus();
}

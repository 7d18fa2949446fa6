// Small pieces that all views share.
import { hueOf, initialsOf } from "../text.js";
import { Component, html, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
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

/** Gives the focus back to where it was before this view took it, or where one writes. */
export function useReturnFocus() {
  const [before] = useState(() => document.activeElement);
  useLayoutEffect(() => {
    const giveBack = () => {
      if (document.activeElement !== document.body) return;
      const place = before !== document.body && before?.isConnected ? before : document.querySelector(".composer-field");
      // On a touch screen a field that has the focus brings up the keyboard.
      if (window.matchMedia("not (pointer: coarse)").matches) place?.focus({ preventScroll: true });
    };
    // Once the view is out of the document, and the focus with it.
    return () => setTimeout(giveBack);
  }, []);
}

/** A modal dialog: the browser keeps the focus inside, and Escape or a click beside it closes it. */
export function Dialog({ title, testid, onClose, children }) {
  const dialog = useRef(null);
  useReturnFocus();
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
      <button type="button" class="button quiet" data-testid="confirm-no" autofocus onClick=${onClose}>Cancel</button>
      <button type="button" class="button danger" data-testid="confirm-yes" onClick=${onConfirm}>${action}</button>
    </footer>
  <//>`;
}

/** Moves the focus along a row or a list of elements, as arrow keys are expected to. */
export function moveFocus(event, selector, { step = 1 } = {}) {
  const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: step, ArrowUp: -step }[event.key];
  const elements = [...event.currentTarget.querySelectorAll(selector)];
  const at = elements.findIndex((element) => element.contains(document.activeElement));
  if (!move || at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  // Else a list within a list would move twice.
  event.stopPropagation();
  elements[Math.min(Math.max(0, at + move), elements.length - 1)].focus();
}

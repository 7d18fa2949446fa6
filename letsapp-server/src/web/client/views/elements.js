// @ts-check
// Small pieces that many views use: buttons, dialogs, and moving the focus by arrow keys.
/** @import {ClickEvent, KeyEvent} from "../../types/views.d.ts" */
/** @import {Children, Ref} from "../vendor/htm-preact.js" */
import { Component, html, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Icon } from "./icons.js";

/**
 * Wraps a view so that it is drawn again only when one of its props is another: in a long list one row is redrawn, not all.
 * @template {object} Props
 * @param {(props: Props) => Children} view
 */
export function memo(view) {
  /** @extends {Component<Props>} */
  return class extends Component {
    /** @param {Record<string, unknown>} next */
    shouldComponentUpdate(next) {
      const props = /** @type {Record<string, unknown>} */ (this.props);
      return Object.keys({ ...props, ...next }).some((key) => next[key] !== props[key]);
    }

    /** @param {Props} props */
    render(props) {
      return html`<${view} ...${props} />`;
    }
  };
}

/**
 * @param {object} props further ones are attributes of the button
 * @param {string} props.icon
 * @param {string} props.label
 * @param {string} [props.testid]
 * @param {string} [props.className]
 */
export function IconButton({ icon, label, testid, className = "", ...rest }) {
  return html`<button type="button" class="icon-button ${className}" aria-label=${label} title=${label} data-testid=${testid} ...${rest}>
    <${Icon} name=${icon} />
  </button>`;
}

/**
 * A note in place of a list that is empty.
 * @param {{title: string, children: Children}} props
 */
export function Empty({ title, children }) {
  return html`<div class="empty">
    <p class="empty-title">${title}</p>
    <p class="empty-text">${children}</p>
  </div>`;
}

/** @param {{label: string}} props */
export function Spinner({ label }) {
  return html`<div class="spinner" role="status"><span class="visually-hidden">${label}</span></div>`;
}

/**
 * A setting that is on or off.
 * @param {object} props
 * @param {string} props.label
 * @param {string} [props.hint]
 * @param {string} props.testid
 * @param {boolean} props.checked
 * @param {boolean} [props.disabled]
 * @param {(checked: boolean) => void} props.onChange
 */
export function Switch({ label, hint, testid, checked, disabled, onChange }) {
  return html`<label class="switch-row">
    <span class="switch-text"><span>${label}</span>${hint && html`<span class="hint">${hint}</span>`}</span>
    <input
      type="checkbox" role="switch" class="switch" data-testid=${testid} checked=${checked} disabled=${disabled}
      onChange=${(event) => onChange(event.currentTarget.checked)}
    />
  </label>`;
}

/** Returns the focus, once the view is closed, to the element that had it before, or to the message field. */
export function useReturnFocus() {
  const [before] = useState(() => document.activeElement);
  useLayoutEffect(() => {
    const giveBack = () => {
      if (document.activeElement !== document.body) return;
      const place = /** @type {HTMLElement | null} */ (
        before !== document.body && before?.isConnected ? before : document.querySelector(".composer-field")
      );
      // On a touch screen a field that has the focus brings up the keyboard.
      if (window.matchMedia("not (pointer: coarse)").matches) place?.focus({ preventScroll: true });
    };
    // Once the view is out of the document, and the focus with it.
    return () => setTimeout(giveBack);
  }, []);
}

/**
 * A modal dialog. The browser keeps the focus inside; Escape or a click beside it closes it.
 * @param {{title: string, testid: string, onClose(): void, children: Children}} props
 */
export function Dialog({ title, testid, onClose, children }) {
  /** @type {Ref<HTMLDialogElement>} */
  const dialog = useRef(null);
  useReturnFocus();
  useLayoutEffect(() => dialog.current.showModal(), []);
  // The dialog itself is hit only beside its box.
  const closeBeside = (/** @type {ClickEvent} */ event) => event.target === dialog.current && onClose();
  return html`<dialog ref=${dialog} class="dialog" aria-label=${title} data-testid=${testid} onClose=${onClose} onClick=${closeBeside}>
    <div class="dialog-box">
      <header class="dialog-head">
        <h2>${title}</h2>
        <${IconButton} icon="close" label="Close" testid="dialog-close" onClick=${onClose} />
      </header>
      ${children}
    </div>
  </dialog>`;
}

/**
 * Asks for confirmation of something that can’t be undone.
 * @param {{title: string, text: string, action: string, onConfirm(): void, onClose(): void}} props
 */
export function Confirm({ title, text, action, onConfirm, onClose }) {
  return html`<${Dialog} title=${title} testid="confirm" onClose=${onClose}>
    <p class="dialog-text">${text}</p>
    <footer class="dialog-foot">
      <button type="button" class="button quiet" data-testid="confirm-no" autofocus onClick=${onClose}>Cancel</button>
      <button type="button" class="button danger" data-testid="confirm-yes" onClick=${onConfirm}>${action}</button>
    </footer>
  <//>`;
}

/**
 * Moves the focus through a row or a list, as the arrow keys are expected to.
 * @param {KeyEvent} event
 * @param {string} selector the elements to move between
 * @param {{step?: number}} options `step`: elements per row, for the up and down keys
 */
export function moveFocus(event, selector, { step = 1 } = {}) {
  const moves = new Map(Object.entries({ ArrowRight: 1, ArrowLeft: -1, ArrowDown: step, ArrowUp: -step }));
  const move = moves.get(event.key);
  const elements = /** @type {HTMLElement[]} */ ([...event.currentTarget.querySelectorAll(selector)]);
  const at = elements.findIndex((element) => element.contains(document.activeElement));
  if (!move || at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  // In a list within a list, both would move.
  event.stopPropagation();
  elements[Math.min(Math.max(0, at + move), elements.length - 1)].focus();
}

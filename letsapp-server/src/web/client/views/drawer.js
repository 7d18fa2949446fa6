// @ts-check
// A page in place of the list, such as contacts and settings.
/** @import {Children, Ref} from "../vendor/htm-preact.js" */
import { html, useEffect, useRef } from "../vendor/htm-preact.js";
import { IconButton, useReturnFocus } from "./elements.js";
import { drawerAddress, go } from "./hooks.js";

/**
 * @param {object} props `back`: the drawer that this one was opened from
 * @param {string} props.title
 * @param {string} props.testid
 * @param {string | null} [props.back]
 * @param {Children} props.children
 */
export function Drawer({ title, testid, back = null, children }) {
  /** @type {Ref<HTMLElement>} */
  const head = useRef(null);
  useReturnFocus();
  useEffect(() => head.current.focus({ preventScroll: true }), []);
  return html`<div class="drawer" data-testid=${testid}>
    <header class="panel-head">
      <${IconButton} icon="back" label="Back" testid="drawer-back" onClick=${() => go(drawerAddress(back))} />
      <h2 ref=${head} tabindex="-1">${title}</h2>
    </header>
    <div class="panel-body">${children}</div>
  </div>`;
}

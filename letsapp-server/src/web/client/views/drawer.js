// @ts-check
// A page in place of the list, such as contacts and settings.
/** @import {Children} from "../vendor/htm-preact.js" */
import { html, useEffect, useRef } from "../vendor/htm-preact.js";
import { drawerAddress, go } from "./hooks.js";
import { IconButton, useReturnFocus } from "./elements.js";

/**
 * `back` is the drawer that this one was opened from, if any.
 * @param {{title: string, testid: string, back?: string | null, children: Children}} props `back`: the drawer that this one was opened from
 */
export function Drawer({ title, testid, back = null, children }) {
  const head = useRef(/** @type {HTMLElement} */ (/** @type {unknown} */ (null)));
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

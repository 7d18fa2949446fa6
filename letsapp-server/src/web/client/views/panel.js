// @ts-check
// The pane beside a chat: details, a profile, the search.
/** @import {KnownConversation} from "../../types/state.d.ts" */
/** @import {Children, Ref} from "../vendor/htm-preact.js" */
import { html, useEffect, useRef } from "../vendor/htm-preact.js";
import { IconButton, useReturnFocus } from "./elements.js";
import { go } from "./hooks.js";
import { chatAddress } from "./route.js";

/**
 * @param {object} props
 * @param {string} props.title
 * @param {string} [props.label]
 * @param {string} props.testid
 * @param {KnownConversation} props.conversation
 * @param {Children} props.children
 */
export function Panel({ title, label = title, testid, conversation, children }) {
  /** @type {Ref<HTMLElement>} */
  const pane = useRef(null);
  const close = () => go(chatAddress(conversation.id));
  useReturnFocus();
  useEffect(() => {
    // A field in the panel may have taken the focus already.
    if (!pane.current.contains(document.activeElement)) pane.current.focus({ preventScroll: true });
  }, []);
  return html`<aside class="panel" ref=${pane} tabindex="-1" aria-label=${label} data-testid=${testid}>
    <header class="panel-head">
      <${IconButton} icon="close" label="Close" testid="panel-close" onClick=${close} />
      <h2>${title}</h2>
    </header>
    <div class="panel-body">${children}</div>
  </aside>`;
}

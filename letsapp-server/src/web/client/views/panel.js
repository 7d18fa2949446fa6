// The pane beside a chat: details, a person, the search.
import { chatAddress } from "../route.js";
import { html, useEffect, useRef } from "../vendor/htm-preact.js";
import { go } from "./bindings.js";
import { IconButton, useReturnFocus } from "./elements.js";

export function Panel({ title, label = title, testid, conversation, children }) {
  const pane = useRef(null);
  const close = () => go(chatAddress(conversation.id));
  useReturnFocus();
  // Unless something in it has taken the focus already.
  useEffect(() => pane.current.contains(document.activeElement) || pane.current.focus({ preventScroll: true }), []);
  return html`<aside class="panel" ref=${pane} tabindex="-1" aria-label=${label} data-testid=${testid}>
    <header class="panel-head">
      <${IconButton} icon="close" label="Close" testid="panel-close" onClick=${close} />
      <h2>${title}</h2>
    </header>
    <div class="panel-body">${children}</div>
  </aside>`;
}

// What the page says by itself, for a few seconds.
import { chatAddress } from "../route.js";
import { html, useEffect } from "../vendor/htm-preact.js";
import { useClient, useSelected } from "./bindings.js";
import { Avatar, IconButton } from "./elements.js";
import { Icon } from "./icons.js";

const SHOWN_MS = 6_000;
const ICONS = { error: "alert", good: "check" };

export function Toasts() {
  const client = useClient();
  const toasts = useSelected((state) => state.toasts);
  const show = (toast) => html`<${Toast} key=${toast.id} toast=${toast} onGone=${() => client.notices.dismiss(toast.id)} />`;
  const isMessage = ({ tone }) => tone === "arrival";
  return html`<div class="toasts" aria-live="polite">${toasts.filter((toast) => !isMessage(toast)).map(show)}</div>
    <div class="toasts arrivals" aria-live="polite">${toasts.filter(isMessage).map(show)}</div>`;
}

function Toast({ toast, onGone }) {
  useEffect(() => {
    const timer = setTimeout(onGone, SHOWN_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="toast ${toast.tone}" data-testid="toast" data-tone=${toast.tone}>
    ${
      toast.tone === "arrival"
        ? html`<${Arrival} toast=${toast} onGone=${onGone} />`
        : html`<${Icon} name=${ICONS[toast.tone]} /><span class="toast-text">${toast.text}</span>`
    }
    <${IconButton} icon="close" label="Dismiss" testid="toast-close" onClick=${onGone} />
  </div>`;
}

/** A message that came in elsewhere, and the way to it. */
function Arrival({ toast: { conversation_id, title, text }, onGone }) {
  const conversation = useSelected((state) => state.conversations[conversation_id]);
  const { id, kind } = conversation?.peer ?? { id: conversation_id, kind: "group" };
  return html`<a class="toast-link" href=${chatAddress(conversation_id)} data-testid="toast-open" onClick=${onGone}>
    <${Avatar} id=${id} name=${title} kind=${kind} size="small" />
    <span class="toast-text"><strong dir="auto">${title}</strong><span dir="auto">${text}</span></span>
  </a>`;
}

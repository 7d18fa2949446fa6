// What the page says by itself, for a few seconds.
import { chatAddress } from "../route.js";
import { html, useEffect } from "../vendor/htm-preact.js";
import { useClient, useSelected } from "./bindings.js";
import { IconButton } from "./elements.js";
import { Icon } from "./icons.js";

const SHOWN_MS = 6_000;
const ICONS = { error: "alert", good: "check", message: "chat" };

export function Toasts() {
  const client = useClient();
  const toasts = useSelected((state) => state.toasts);
  const show = (toast) => html`<${Toast} key=${toast.id} toast=${toast} onGone=${() => client.notices.dismiss(toast.id)} />`;
  const isMessage = ({ tone }) => tone === "message";
  return html`<div class="toasts" aria-live="polite">${toasts.filter((toast) => !isMessage(toast)).map(show)}</div>
    <div class="toasts arrivals" aria-live="polite">${toasts.filter(isMessage).map(show)}</div>`;
}

function Toast({ toast, onGone }) {
  useEffect(() => {
    const timer = setTimeout(onGone, SHOWN_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="toast ${toast.tone}" data-testid="toast" data-tone=${toast.tone}>
    <${Icon} name=${ICONS[toast.tone]} />
    ${
      toast.conversation_id
        ? html`<a class="toast-text" href=${chatAddress(toast.conversation_id)} data-testid="toast-open" onClick=${onGone}>
            <strong dir="auto">${toast.title}</strong><span dir="auto">${toast.text}</span>
          </a>`
        : html`<span class="toast-text">${toast.text}</span>`
    }
    <${IconButton} icon="close" label="Dismiss" testid="toast-close" onClick=${onGone} />
  </div>`;
}

// @ts-check
// Toasts: notifications that disappear after a few seconds.
/** @import {Toast as ShownToast} from "../../types/state.d.ts" */
import { pictureOf } from "../text/names.js";
import { html, useEffect } from "../vendor/htm-preact.js";
import { Avatar } from "./avatar.js";
import { IconButton } from "./elements.js";
import { useClient, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { chatAddress } from "./route.js";

/** Long enough to read two lines. */
const SHOWN_MS = 6_000;
const ICONS = { error: "alert", good: "check" };

export function Toasts() {
  const client = useClient();
  const toasts = useSelected((state) => state.toasts);
  const show = (/** @type {ShownToast} */ toast) =>
    html`<${Toast} key=${toast.id} toast=${toast} onGone=${() => client.notifications.dismiss(toast.id)} />`;
  const isMessage = (/** @type {ShownToast} */ { tone }) => tone === "arrival";
  return html`<div class="toasts" aria-live="polite">${toasts.filter((toast) => !isMessage(toast)).map(show)}</div>
    <div class="toasts arrivals" aria-live="polite">${toasts.filter(isMessage).map(show)}</div>`;
}

/** @param {{toast: ShownToast, onGone(): void}} props */
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

/**
 * A message in another conversation, and the way to it.
 * @param {{toast: Extract<ShownToast, {tone: "arrival"}>, onGone(): void}} props
 */
function Arrival({ toast: { conversation_id, title, text }, onGone }) {
  const conversation = useSelected((state) => state.conversations[conversation_id]);
  const picture = useSelected(({ users }) => (conversation ? pictureOf(conversation, users) : null));
  const peer = conversation?.peer;
  return html`<a class="toast-link" href=${chatAddress(conversation_id)} data-testid="toast-open" onClick=${onGone}>
    <${Avatar} id=${peer?.id ?? conversation_id} name=${title} picture=${picture} kind=${peer ? "person" : "group"} size="small" />
    <span class="toast-text"><strong dir="auto">${title}</strong><span dir="auto">${text}</span></span>
  </a>`;
}

// @ts-check
// The note above the message field while a message is edited or answered.
/** @import {Message} from "../../types/protocol.d.ts" */
import { html } from "../vendor/htm-preact.js";
import { IconButton } from "./elements.js";
import { Icon } from "./icons.js";
import { hueFor, QuotedText } from "./quote.js";

/** @param {{editing: Message | null, answered: Message | null, onClose(): void}} props */
export function ComposerNote({ editing, answered, onClose }) {
  if (editing) {
    return html`<p class="composer-note" data-testid="editing">
      <${Icon} name="pencil" /><span class="composer-note-text">Editing your message</span>
      <${IconButton} icon="close" label="Stop editing" testid="cancel-edit" onClick=${onClose} />
    </p>`;
  }
  if (!answered) return null;
  return html`<div class="composer-note" data-testid="replying">
    <${Icon} name="reply" />
    <div class="quote" style=${hueFor(answered)}><${QuotedText} message=${answered} /></div>
    <${IconButton} icon="close" label="Don’t reply to it" testid="cancel-reply" onClick=${onClose} />
  </div>`;
}

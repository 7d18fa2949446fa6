// @ts-check
// The dialog that forwards a message to other conversations.
/** @import {Id, Message} from "../../types/protocol.d.ts" */
/** @import {KnownConversation} from "../../types/state.d.ts" */
import { byActivity } from "../state/conversations.js";
import { textOf } from "../text/messages.js";
import { pictureOf, titleOf } from "../text/names.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Avatar } from "./avatar.js";
import { Dialog, moveFocus } from "./elements.js";
import { go, useClient, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { SearchField } from "./people-search.js";
import { chatAddress } from "./route.js";

/** The most conversations that a message is forwarded to at once, so that chain letters spread slowly. */
const MAX_PICKED = 5;

/** @param {{message: Message, onClose(): void}} props */
export function ForwardDialog({ message, onClose }) {
  const client = useClient();
  const table = useSelected((state) => state.conversations);
  const users = useSelected((state) => state.users);
  const [query, setQuery] = useState("");
  const [picked, setPicked] = useState(/** @type {Id[]} */ ([]));
  const wanted = query.trim().toLocaleLowerCase();
  const shown = byActivity(table).filter((conversation) => titleOf(conversation, users).toLocaleLowerCase().includes(wanted));
  const toggle = (/** @type {Id} */ id) =>
    setPicked(picked.includes(id) ? picked.filter((other) => other !== id) : [...picked, id]);
  const forward = () => {
    client.messages.forward(message, picked);
    onClose();
    if (picked.length === 1) go(chatAddress(picked[0]));
  };

  return html`<${Dialog} title="Forward to" testid="forward-dialog" onClose=${onClose}>
    <blockquote class="forward-body" dir="auto">${textOf(message)}</blockquote>
    <div class="picker">
      <${SearchField} label="Find a chat" testid="forward-search" value=${query} onInput=${setQuery} autofocus />
      <ul class="rows picker-rows" aria-label="Chats" onKeyDown=${(event) => moveFocus(event, ".row:not(:disabled)")}>
        ${shown.map(
          (conversation) => html`<li key=${conversation.id}>
            <${Option}
              conversation=${conversation} title=${titleOf(conversation, users)} picture=${pictureOf(conversation, users)} picked=${picked.includes(conversation.id)}
              full=${picked.length >= MAX_PICKED} onToggle=${() => toggle(conversation.id)}
            />
          </li>`,
        )}
      </ul>
    </div>
    <footer class="dialog-foot">
      <button type="button" class="button quiet" onClick=${onClose}>Cancel</button>
      <button type="button" class="button" data-testid="forward-confirm" disabled=${picked.length === 0} onClick=${forward}>Forward</button>
    </footer>
  <//>`;
}

/** @param {{conversation: KnownConversation, title: string, picture: Id | null, picked: boolean, full: boolean, onToggle(): void}} props */
function Option({ conversation: { id, kind, peer }, title, picture, picked, full, onToggle }) {
  const group = kind === "group";
  return html`<button
    type="button" class="row" role="checkbox" aria-checked=${picked} disabled=${full && !picked} data-testid="forward-option" data-title=${title}
    onClick=${onToggle}
  >
    <${Avatar} id=${group ? id : peer.id} name=${title} picture=${picture} kind=${group ? "group" : "person"} size="small" />
    <span class="row-text"><span class="row-title" dir="auto">${title}</span></span>
    <span class="tickbox"><${Icon} name="check" /></span>
  </button>`;
}

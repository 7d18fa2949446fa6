// @ts-check
// The actions on a message: two buttons beside it, the rest in a menu, and a key for each.
/** @import {Id, Message} from "../../types/protocol.d.ts" */
/** @import {ActionKind, MessageAction} from "../../types/views.d.ts" */
import { html, useState } from "../vendor/htm-preact.js";
import { IconButton } from "./elements.js";
import { Menu } from "./popover.js";

/** The time for which the server accepts edits, in milliseconds. */
const EDITABLE_MS = 15 * 60_000;

/**
 * Tells whether the reader may still edit a message.
 * @param {Message} message
 * @param {Id} me
 */
export function isEditable(message, me) {
  const age = Date.now() - Date.parse(message.sent_at);
  return message.sender_id === me && message.kind === "user" && !message.deleted_at && age < EDITABLE_MS;
}

/**
 * Returns the actions that the reader may take, in the order of the menu. In a closed conversation a message can only be
 * forwarded or copied.
 * @param {Message} message
 * @param {{me: Id, closed: boolean, mayModerate: boolean}} about `closed`: the reader is no longer a member
 */
export function actionsFor(message, { me, closed, mayModerate }) {
  const deletable = message.sender_id === me || mayModerate;
  /** @type {(MessageAction | false)[]} */
  const actions = [
    !closed && { kind: "react", icon: "smile", label: "React", key: "+" },
    !closed && { kind: "reply", icon: "reply", label: "Reply", key: "r" },
    { kind: "forward", icon: "forward", label: "Forward", key: "f" },
    message.body !== "" && { kind: "copy", icon: "copy", label: "Copy text", key: "c" },
    message.reactions.length > 0 && { kind: "reactions", icon: "people", label: "Who reacted" },
    !closed && isEditable(message, me) && { kind: "edit", icon: "pencil", label: "Edit", key: "e" },
    !closed && deletable && { kind: "delete", icon: "trash", label: "Delete", key: "Delete", danger: true },
  ];
  return actions.filter((action) => action !== false);
}

/** Actions with a button of their own; the others are in the menu. */
const BESIDE = ["react", "reply"];

/** @param {{actions: MessageAction[], onAct(kind: ActionKind, anchor?: HTMLElement): void}} props */
export function MessageTools({ actions, onAct }) {
  const [anchor, setAnchor] = useState(/** @type {HTMLElement | null} */ (null));
  const items = actions
    .filter(({ kind }) => !BESIDE.includes(kind))
    .map((action) => ({ ...action, testid: action.kind, onSelect: () => onAct(action.kind) }));
  // The menu is not drawn inside: the tools are hidden while the focus is elsewhere.
  return html`<div class="tools ${anchor ? "open" : ""}" role="toolbar" aria-label="Message">
    ${actions
      .filter(({ kind }) => BESIDE.includes(kind))
      .map(
        ({ kind, icon, label }) =>
          html`<${IconButton} key=${kind} icon=${icon} label=${label} testid=${kind} onClick=${(event) => onAct(kind, event.currentTarget)} />`,
      )}
    <${IconButton}
      icon="more" label="More" testid="more" aria-haspopup="menu" aria-expanded=${anchor !== null}
      onClick=${(event) => setAnchor(event.currentTarget)}
    />
  </div>
  ${anchor && html`<${Menu} anchor=${anchor} label="Message" testid="message-menu" items=${items} onClose=${() => setAnchor(null)} />`}`;
}

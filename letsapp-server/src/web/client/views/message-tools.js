// What can be done with a message: two buttons beside it, the rest in a menu, and a key for each.
import { html, useState } from "../vendor/htm-preact.js";
import { IconButton } from "./elements.js";
import { Menu } from "./popover.js";

const EDITABLE_MS = 15 * 60_000;

/** Whether the reader may still change what they wrote. */
export function isEditable(message, me) {
  const age = Date.now() - new Date(message.sent_at);
  return message.sender_id === me && message.kind === "user" && !message.deleted_at && age < EDITABLE_MS;
}

/** What this reader may do with a message, in order. Where the conversation is closed to them, it can only be taken elsewhere. */
export function actionsFor(message, { me, closed, mayModerate }) {
  const deletable = message.sender_id === me || mayModerate;
  return [
    !closed && { kind: "react", icon: "smile", label: "React", key: "+" },
    !closed && { kind: "reply", icon: "reply", label: "Reply", key: "r" },
    { kind: "forward", icon: "forward", label: "Forward", key: "f" },
    { kind: "copy", icon: "copy", label: "Copy text", key: "c" },
    message.reactions.length > 0 && { kind: "reactions", icon: "people", label: "Who reacted" },
    !closed && isEditable(message, me) && { kind: "edit", icon: "pencil", label: "Edit", key: "e" },
    !closed && deletable && { kind: "delete", icon: "trash", label: "Delete", key: "Delete", danger: true },
  ].filter(Boolean);
}

const BESIDE = ["react", "reply"];

export function MessageTools({ actions, onAct }) {
  const [anchor, setAnchor] = useState(null);
  const items = actions
    .filter(({ kind }) => !BESIDE.includes(kind))
    .map((action) => ({ ...action, testid: action.kind, onSelect: () => onAct(action.kind) }));
  // The menu isn't inside, since the tools are hidden with the focus elsewhere.
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

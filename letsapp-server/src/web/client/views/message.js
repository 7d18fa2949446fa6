// One message: its bubble, its reactions, and what can be done with it.
import { fullTimeOf, hueOf, isEmojiOnly, nameOf, partsOf, peopleIn, systemText, timeOf } from "../text.js";
import { html, useState } from "../vendor/htm-preact.js";
import { usePeople } from "./bindings.js";
import { Avatar, IconButton, memo } from "./elements.js";
import { EmojiPopover } from "./emoji.js";
import { Icon } from "./icons.js";
import { Tick } from "./tick.js";

const EDITABLE_MS = 15 * 60_000;

export const Message = memo(
  ({ client, message, me, sender, inGroup, continues, latest, tick, closed, mayModerate, onEdit, onDelete }) => {
    const [picking, setPicking] = useState(null);
    const own = message.sender_id === me;
    const deleted = message.deleted_at !== null;
    usePeople([message.sender_id]);
    const name = nameOf(sender);
    const react = (emoji) => {
      setPicking(null);
      client.attempt(() => client.react(message, emoji));
    };
    // Safari doesn't focus what is tapped; the tools of a message appear with its focus.
    const tapped = (event) => !event.target.closest("button, a") && event.currentTarget.focus({ preventScroll: true });

    const classes = ["message", own ? "own" : "theirs", continues && "continues", deleted && "deleted", picking && "active"];
    return html`<li
    class=${classes.filter(Boolean).join(" ")} tabindex=${latest ? "0" : "-1"} onClick=${tapped}
    data-testid="message" data-seq=${message.seq} data-message-id=${message.id} data-own=${own} data-deleted=${deleted}
  >
    ${inGroup && !own && html`<span class="message-avatar">${!continues && html`<${Avatar} id=${message.sender_id} name=${name} size="tiny" />`}</span>`}
    <div class="message-column">
      <div class="bubble ${!deleted && isEmojiOnly(message.body) ? "emoji-only" : ""}">
        ${inGroup && !own && !continues && html`<span class="sender" style=${{ "--hue": hueOf(message.sender_id) }} dir="auto">${name}</span>`}
        ${!inGroup && html`<span class="visually-hidden">${own ? "You" : name}:</span>`}
        ${
          deleted
            ? html`<p class="body"><${Icon} name="forbidden" />${own ? "You deleted this message" : "This message was deleted"}</p>`
            : html`<${Body} text=${message.body} />`
        }
        <span class="meta">
          ${message.edited_at && !deleted && html`<span data-testid="edited" title=${fullTimeOf(message.edited_at)}>edited</span>`}
          <time datetime=${message.sent_at} title=${fullTimeOf(message.sent_at)}>${timeOf(message.sent_at)}</time>
          ${own && !deleted && html`<${Tick} state=${tick} />`}
        </span>
      </div>
      ${message.reactions.length > 0 && html`<${Reactions} message=${message} me=${me} closed=${closed} onReact=${react} />`}
    </div>
    ${
      !deleted &&
      !closed &&
      html`<div class="tools" role="toolbar" aria-label="Message">
      <${IconButton} icon="smile" label="React" testid="react" onClick=${(event) => setPicking(event.currentTarget)} />
      ${isEditable(message, me) && html`<${IconButton} icon="pencil" label="Edit" testid="edit" onClick=${() => onEdit(message)} />`}
      ${(own || mayModerate) && html`<${IconButton} icon="trash" label="Delete" testid="delete" onClick=${() => onDelete(message)} />`}
    </div>`
    }
    ${picking && html`<${EmojiPopover} anchor=${picking} chosen=${message.my_reaction} onPick=${react} onClose=${() => setPicking(null)} />`}
  </li>`;
  },
);

/** Whether the reader may still change what they wrote. */
export function isEditable(message, me) {
  const age = Date.now() - new Date(message.sent_at);
  return message.sender_id === me && message.kind === "user" && !message.deleted_at && age < EDITABLE_MS;
}

/** A message that the server hasn't acknowledged. */
export function WaitingMessage({ item, continues, onRetry, onDiscard }) {
  const failed = item.status === "failed";
  return html`<li class="message own waiting ${continues ? "continues" : ""}" tabindex="-1" data-testid="message" data-message-id=${item.id} data-own="true">
    <div class="message-column">
      <div class="bubble ${isEmojiOnly(item.body) ? "emoji-only" : ""}">
        <${Body} text=${item.body} />
        <span class="meta">
          <time datetime=${item.queued_at}>${timeOf(item.queued_at)}</time>
          <${Tick} state=${failed ? "failed" : "sending"} />
        </span>
      </div>
      ${
        failed &&
        html`<p class="not-sent" role="alert" data-testid="not-sent">
        <span>Not sent: ${item.error}</span>
        <button type="button" class="link" data-testid="retry" onClick=${onRetry}>Try again</button>
        <button type="button" class="link" data-testid="discard" onClick=${onDiscard}>Discard</button>
      </p>`
      }
    </div>
  </li>`;
}

export function SystemMessage({ message, users, me }) {
  usePeople(peopleIn(message));
  return html`<li class="system" data-testid="system-message" data-seq=${message.seq} data-type=${message.system?.type}>
    <span title=${fullTimeOf(message.sent_at)} dir="auto">${systemText(message, users, me)}</span>
  </li>`;
}

function Body({ text }) {
  return html`<p class="body" dir="auto" data-testid="body">
    ${partsOf(text).map((part) =>
      part.href ? html`<a href=${part.href} target="_blank" rel="noopener noreferrer nofollow">${part.text}</a>` : part.text,
    )}
  </p>`;
}

function Reactions({ message, me, closed, onReact }) {
  return html`<ul class="reactions" aria-label="Reactions">
    ${message.reactions.map(({ emoji, count }) => {
      const mine = message.my_reaction === emoji;
      const label = `${emoji} ${count}${mine ? ", yours included" : ""}`;
      return html`<li key=${emoji}>
        <button
          type="button" class="reaction" aria-pressed=${mine} aria-label=${label} disabled=${closed}
          data-testid="reaction" data-emoji=${emoji} data-count=${count} onClick=${() => onReact(emoji)}
        >
          <span class="emoji">${emoji}</span>${count > 1 && html`<span>${count}</span>`}
        </button>
      </li>`;
    })}
  </ul>`;
}

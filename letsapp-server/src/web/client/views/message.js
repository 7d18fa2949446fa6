// @ts-check
// A message: its bubble, its reactions, and the keys that work on it.
/** @import {Id, Message as WireMessage} from "../../types/protocol.d.ts" */
/** @import {OutboxItem, Person, State, Target} from "../../types/state.d.ts" */
/** @import {ActionKind, ClickEvent, KeyEvent} from "../../types/views.d.ts" */
/** @import {Client} from "../actions/client.js" */
import { isEmojiOnly } from "../text/characters.js";
import { peopleIn, systemText } from "../text/messages.js";
import { hueOf, nameOf } from "../text/names.js";
import { fullTimeOf, timeOf } from "../text/times.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Attachments, AttachmentsById } from "./attachments.js";
import { Avatar } from "./avatar.js";
import { Body } from "./body.js";
import { memo } from "./elements.js";
import { EmojiPopover } from "./emoji.js";
import { useProfiles } from "./hooks.js";
import { Icon } from "./icons.js";
import { actionsFor, MessageTools } from "./message-tools.js";
import { Quote } from "./quote.js";
import { Reactions } from "./reactions.js";
import { chatAddress } from "./route.js";
import { Tick } from "./tick.js";

/**
 * @typedef {object} MessageProps
 * @property {Client} client
 * @property {WireMessage} message
 * @property {Id} me
 * @property {Person | undefined} sender
 * @property {boolean} inGroup
 * @property {boolean} continues whether the message is shown as one group with the message before it
 * @property {boolean} stop whether the Tab key comes to this message of the list
 * @property {"sent" | "delivered" | "read" | null} tick null for others' messages
 * @property {boolean} closed whether the reader is no longer a member
 * @property {boolean} mayModerate whether the reader may delete others' messages
 * @property {Target | null} target set for the message that the reader has jumped to
 * @property {(kind: ActionKind, message: WireMessage) => void} onAction
 */

export const Message = memo((/** @type {MessageProps} */ props) => {
  const { client, message, me, sender, inGroup, continues, stop, tick, closed, mayModerate, target, onAction } = props;
  const [picking, setPicking] = useState(/** @type {HTMLElement | null} */ (null));
  const own = message.sender_id === me;
  const deleted = message.deleted_at !== null;
  useProfiles(peopleIn(message));
  const name = nameOf(sender);
  const react = (/** @type {string} */ emoji) => {
    setPicking(null);
    client.attempt(() => client.messages.react(message, emoji), { forbidden: "You can’t react here." });
  };
  const act = (/** @type {ActionKind} */ kind, /** @type {HTMLElement | null} */ anchor = null) =>
    kind === "react" ? setPicking(anchor) : onAction(kind, message);
  const actions = deleted ? [] : actionsFor(message, { me, closed, mayModerate });
  const onKeyDown = (/** @type {KeyEvent} */ event) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions.find(({ key }) => key === event.key);
    if (!action) return;
    event.preventDefault();
    act(action.kind, event.currentTarget.querySelector(".bubble"));
  };
  // Safari doesn't give the focus to the element that is tapped, but the tools of a message appear with its focus.
  const onClick = (/** @type {ClickEvent} */ event) => {
    if (!event.target.closest("button, a, input, video, dialog")) event.currentTarget.focus({ preventScroll: true });
  };
  const states = { continues, deleted, active: picking, named: !own && message.mentions?.includes(me), target };
  const present = Object.entries(states).flatMap(([state, isSet]) => (isSet ? [state] : []));
  const classes = ["message", own ? "own" : "theirs", ...present];
  const hasFiles = message.attachments !== undefined && message.attachments.length > 0;
  const emojiOnly = !deleted && !message.reply_to && !hasFiles && isEmojiOnly(message.body);

  return html`<li
    class=${classes.join(" ")} tabindex=${stop ? "0" : "-1"} onClick=${onClick} onKeyDown=${onKeyDown} data-testid="message"
    data-seq=${message.seq} data-message-id=${message.id} data-own=${own} data-deleted=${deleted} data-target=${target ? "true" : undefined}
  >
    ${inGroup && !own && html`<${Sender} message=${message} name=${name} picture=${sender?.avatar_media_id} continues=${continues} />`}
    <div class="message-column">
      <div class="bubble ${emojiOnly ? "emoji-only" : ""}">
        ${inGroup && !own && !continues && html`<span class="sender" style=${{ "--hue": hueOf(message.sender_id) }} dir="auto">${name}</span>`}
        ${(!inGroup || own || continues) && html`<span class="visually-hidden">${own ? "You" : name}:</span>`}
        ${message.forwarded && !deleted && html`<span class="forwarded" data-testid="forwarded"><${Icon} name="forward" />Forwarded</span>`}
        ${message.reply_to && !deleted && html`<${Quote} conversationId=${message.conversation_id} seq=${message.reply_to} />`}
        ${
          deleted
            ? html`<p class="body"><${Icon} name="forbidden" />${own ? "You deleted this message" : "This message was deleted"}</p>`
            : html`${hasFiles && html`<${Attachments} attachments=${message.attachments} conversationId=${message.conversation_id} />`}
              ${message.body && html`<${Body}
                text=${message.body} conversationId=${message.conversation_id} mentions=${message.mentions} highlights=${target?.highlights}
              />`}`
        }
        <span class="meta">
          ${message.edited_at && !deleted && html`<span data-testid="edited" title=${fullTimeOf(message.edited_at)}>edited</span>`}
          <time datetime=${message.sent_at} title=${fullTimeOf(message.sent_at)}>${timeOf(message.sent_at)}</time>
          ${own && !deleted && html`<${Tick} state=${tick} />`}
        </span>
      </div>
      ${
        message.reactions.length > 0 &&
        html`<${Reactions} message=${message} closed=${closed} onReact=${react} onShow=${() => onAction("reactions", message)} />`
      }
    </div>
    ${actions.length > 0 && html`<${MessageTools} actions=${actions} onAct=${act} />`}
    ${picking && html`<${EmojiPopover} anchor=${picking} chosen=${message.my_reaction} onPick=${react} onClose=${() => setPicking(null)} />`}
  </li>`;
});

/**
 * The sender’s avatar at the side, which leads to their profile.
 * @param {{message: WireMessage, name: string, picture?: Id | null, continues: boolean}} props
 */
function Sender({ message: { conversation_id, sender_id }, name, picture, continues }) {
  return html`<span class="message-avatar">
    ${
      !continues &&
      html`<a href=${chatAddress(conversation_id, `person/${sender_id}`)} tabindex="-1" aria-label=${name}>
      <${Avatar} id=${sender_id} name=${name} picture=${picture} size="tiny" />
    </a>`
    }
  </span>`;
}

/**
 * A message that the server has not acknowledged.
 * @param {{item: OutboxItem, continues: boolean, onRetry(): void, onDiscard(): void}} props
 */
export function WaitingMessage({ item, continues, onRetry, onDiscard }) {
  const failed = item.status === "failed";
  const { attachments = [] } = item;
  return html`<li class="message own waiting ${continues ? "continues" : ""}" tabindex="-1" data-testid="message" data-message-id=${item.id} data-own="true">
    <div class="message-column">
      <div class="bubble ${!item.reply_to && attachments.length === 0 && isEmojiOnly(item.body) ? "emoji-only" : ""}">
        ${item.reply_to && html`<${Quote} conversationId=${item.conversation_id} seq=${item.reply_to} />`}
        ${attachments.length > 0 && html`<${AttachmentsById} ids=${attachments} conversationId=${item.conversation_id} />`}
        ${item.body && html`<${Body} text=${item.body} conversationId=${item.conversation_id} mentions=${item.mentions} />`}
        <span class="meta">
          <time datetime=${item.queued_at}>${timeOf(item.queued_at)}</time>
          <${Tick} state=${failed ? "failed" : "sending"} />
        </span>
      </div>
      ${
        item.slowed &&
        !failed &&
        html`<p class="slowed" role="status" data-testid="slowed">A little too fast: it is sent as soon as the server takes more.</p>`
      }
      ${
        failed &&
        html`<p class="not-sent" role="alert" data-testid="not-sent">
        <span>Not sent. ${item.error}</span>
        <button type="button" class="link" data-testid="retry" onClick=${onRetry}>Try again</button>
        <button type="button" class="link" data-testid="discard" onClick=${onDiscard}>Discard</button>
      </p>`
      }
    </div>
  </li>`;
}

/** @param {{message: WireMessage, users: State["users"], me: Id}} props */
export function SystemMessage({ message, users, me }) {
  useProfiles(peopleIn(message));
  return html`<li class="system" data-testid="system-message" data-seq=${message.seq} data-type=${message.system?.type}>
    <span title=${fullTimeOf(message.sent_at)} dir="auto">${systemText(message, users, me)}</span>
  </li>`;
}

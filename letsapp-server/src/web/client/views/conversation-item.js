// @ts-check
// A conversation in the list.
/** @import {KnownConversation, State} from "../../types/state.d.ts" */
import { isMuted } from "../state/conversations.js";
import { deliveryStatus } from "../state/receipts.js";
import { typingText } from "../text/activity.js";
import { peopleIn, previewOf } from "../text/messages.js";
import { pictureOf, titleOf } from "../text/names.js";
import { briefTimeOf, fullTimeOf } from "../text/times.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Avatar } from "./avatar.js";
import { useConversationMenu } from "./conversation-menu.js";
import { IconButton, memo } from "./elements.js";
import { useClient, useProfiles, usePresence, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { contextMenu, Menu } from "./popover.js";
import { chatAddress } from "./route.js";
import { Tick } from "./tick.js";

/** @typedef {{conversation: KnownConversation, selected: boolean}} ItemProps */

export const ConversationItem = memo((/** @type {ItemProps} */ { conversation, selected }) => {
  const client = useClient();
  const users = useSelected((state) => state.users);
  const [anchor, setAnchor] = useState(/** @type {HTMLElement | null} */ (null));
  const { items, dialog } = useConversationMenu(client, conversation);
  const { id, kind, peer, me } = conversation;
  const group = kind === "group";
  const title = titleOf(conversation, users);
  const online = useSelected((state) => !group && state.presence[peer.id]?.status === "online");
  usePresence(group ? [] : [peer.id]);
  return html`<div class="conversation-row ${anchor ? "open" : ""}" onContextMenu=${(event) => contextMenu(event, setAnchor)}>
    <a
      href=${chatAddress(id)} class="row conversation ${me.unread > 0 ? "unread" : ""}" aria-current=${selected ? "true" : undefined}
      data-testid="conversation" data-conversation-id=${id} data-title=${title} data-unread=${me.unread} data-pinned=${me.pinned}
    >
      <${Avatar}
        id=${group ? id : peer.id} name=${title} picture=${pictureOf(conversation, users)} kind=${group ? "group" : "person"} online=${online}
      />
      <span class="row-text"><${Lines} conversation=${conversation} title=${title} users=${users} group=${group} /></span>
    </a>
    <${IconButton}
      icon="chevron" label="More about ${title}" testid="conversation-more" className="conversation-more" aria-haspopup="menu"
      onClick=${(event) => setAnchor(event.currentTarget)}
    />
    ${anchor && html`<${Menu} anchor=${anchor} label="Conversation" testid="conversation-menu" items=${items} onClose=${() => setAnchor(null)} />`}
    ${dialog}
  </div>`;
});

/** @param {{conversation: KnownConversation, title: string, users: State["users"], group: boolean}} props */
function Lines({ conversation, title, users, group }) {
  const { id, head, me } = conversation;
  const mine = useClient().store.state.me.id;
  const receipts = useSelected((state) => state.receipts[id]);
  const waiting = useSelected((state) => state.outbox.findLast(({ conversation_id }) => conversation_id === id));
  const typing = useSelected((state) => state.typing[id]);
  const last = head.last_message;
  useProfiles([...(last ? peopleIn(last) : []), ...(typing ?? [])]);

  const ticked = last?.sender_id === mine && last.kind === "user" && !last.deleted_at && !waiting;
  const preview = waiting ? `You: ${waiting.body || "Files"}` : previewOf(last, users, mine, { group });
  const writing = typingText(typing, users, { group });
  const at = waiting?.queued_at ?? last?.sent_at ?? conversation.created_at;
  return html`<span class="row-line">
      <span class="row-title" dir="auto">${title}</span>
      <time class="row-time" datetime=${at} title=${fullTimeOf(at)}>${briefTimeOf(at)}</time>
    </span>
    <span class="row-line">
      ${waiting && html`<${Tick} state=${waiting.status === "failed" ? "failed" : "sending"} />`}
      ${ticked && !writing && html`<${Tick} state=${deliveryStatus(receipts ?? {}, last.seq, mine)} />`}
      ${
        writing
          ? html`<span class="row-note typing" dir="auto" data-testid="list-typing">${writing}</span>`
          : html`<span class="row-note" dir="auto" data-testid="last-message">${preview}</span>`
      }
      ${isMuted(conversation) && html`<${Icon} name="bell-off" label="Muted" />`}
      ${me.pinned && html`<${Icon} name="pin" label="Kept on top" />`}
      ${me.unread > 0 && html`<${Unread} conversation=${conversation} />`}
    </span>`;
}

/** @param {{conversation: KnownConversation}} props */
function Unread({ conversation }) {
  const { unread } = conversation.me;
  return html`<span class="badge ${isMuted(conversation) ? "quiet" : ""}" data-testid="unread" aria-label="${unread} unread">
    ${unread > 999 ? "999+" : unread}
  </span>`;
}

// @ts-check
// The head of a chat: its title, presence or typing, and its menu.
/** @import {KnownConversation} from "../../types/state.d.ts" */
import { presenceText, typingText } from "../text/activity.js";
import { countOf, pictureOf } from "../text/names.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Avatar } from "./avatar.js";
import { useConversationMenu } from "./conversation-menu.js";
import { IconButton } from "./elements.js";
import { go, useClient, useProfiles, usePresence, useSelected } from "./hooks.js";
import { Menu } from "./popover.js";
import { chatAddress } from "./route.js";

/** @param {{conversation: KnownConversation, title: string}} props */
export function ChatHead({ conversation, title }) {
  const { id, kind, peer } = conversation;
  const isGroup = kind === "group";
  const online = useSelected((state) => !isGroup && state.presence[peer.id]?.status === "online");
  const picture = useSelected(({ users }) => pictureOf(conversation, users));
  return html`<header class="chat-head">
    <${IconButton} icon="back" label="Back to conversations" testid="back" className="back" onClick=${() => go("#/")} />
    <a class="chat-who" href=${chatAddress(id, "info")} data-testid=${isGroup ? "members" : "profile"} title="Show details">
      <${Avatar} id=${isGroup ? id : peer.id} name=${title} picture=${picture} kind=${isGroup ? "group" : "person"} size="small" online=${online} />
      <span class="chat-title">
        <h2 dir="auto" data-testid="chat-title">${title}</h2>
        <${Note} conversation=${conversation} />
      </span>
    </a>
    <${IconButton} icon="search" label="Search in this chat" testid="search-chat" onClick=${() => go(chatAddress(id, "search"))} />
    <${More} conversation=${conversation} />
  </header>`;
}

/**
 * The line below the title: users who are typing, else the presence or the number of members.
 * @param {{conversation: KnownConversation}} props
 */
function Note({ conversation: { id, kind, peer, member_count, left } }) {
  const isGroup = kind === "group";
  const typing = useSelected((state) => state.typing[id]);
  const presence = useSelected((state) => peer && state.presence[peer.id]);
  const users = useSelected((state) => state.users);
  usePresence(peer ? [peer.id] : []);
  useProfiles(typing ?? []);
  const writing = typingText(typing, users, { group: isGroup });
  if (writing) return html`<p class="typing" data-testid="typing" dir="auto">${writing}</p>`;
  if (isGroup) return html`<p data-testid="head-note">${!left && countOf(member_count)}</p>`;
  return html`<p data-testid="head-note" data-presence=${presence?.status}>${presenceText(presence) || (peer.username && `@${peer.username}`)}</p>`;
}

/** @param {{conversation: KnownConversation}} props */
function More({ conversation }) {
  const client = useClient();
  const [anchor, setAnchor] = useState(/** @type {HTMLElement | null} */ (null));
  const { items, dialog } = useConversationMenu(client, conversation, { inChat: true });
  return html`<${IconButton}
      icon="more" label="More" testid="chat-menu" aria-haspopup="menu" aria-expanded=${anchor !== null}
      onClick=${(event) => setAnchor(event.currentTarget)}
    />
    ${anchor && html`<${Menu} anchor=${anchor} label="Conversation" testid="conversation-menu" items=${items} onClose=${() => setAnchor(null)} />`}
    ${dialog}`;
}

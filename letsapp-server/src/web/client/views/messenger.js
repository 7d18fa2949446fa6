// @ts-check
// The whole page of a signed-in user: the list at the left, a chat at the right; on a phone one of the two.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {KnownConversation} from "../../types/state.d.ts" */
/** @import {Client} from "../actions/client.js" */
import { unreadCount } from "../state/conversations.js";
import { html, useEffect } from "../vendor/htm-preact.js";
import { ChatSearch } from "./chat-search.js";
import { Chat } from "./chat.js";
import { Empty } from "./elements.js";
import { GroupPanel } from "./group-panel.js";
import { HelpDialog } from "./help.js";
import { ClientContext, drawerAddress, go, useClient, useRoute, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { NewGroup } from "./new-group.js";
import { PersonPanel } from "./person-panel.js";
import { useShortcuts } from "./shortcuts.js";
import { Sidebar } from "./sidebar.js";
import { Toasts } from "./toasts.js";

/** @param {{client: Client}} props */
export function Messenger({ client }) {
  return html`<${ClientContext.Provider} value=${client}><${Panes} /><${Toasts} /><//>`;
}

function Panes() {
  const { chat, panel, person, drawer } = useRoute();
  const ready = useSelected((state) => state.ready);
  const status = useSelected((state) => state.connection.status);
  const conversation = useSelected((state) => state.conversations[chat ?? ""]);

  useUnreadInTitle();
  useShortcuts();
  // The address may be of a conversation that is no longer in the list, or never was.
  useEffect(() => {
    if (ready && chat && !conversation) go("#/");
  }, [ready, chat, conversation]);

  return html`<div class="messenger ${conversation ? "in-chat" : ""}" data-testid="messenger" data-connection=${status}>
    <${Connection} />
    <div class="panes">
      <${Sidebar} selected=${chat} drawer=${drawer} />
      ${
        conversation
          ? html`<${Chat} key=${conversation.id} conversation=${conversation} />`
          : html`<main class="chat nothing"><${Empty} title="Pick a conversation">Or find someone by name, and say hello.<//></main>`
      }
      ${conversation && panel && html`<${SidePanel} key=${`${chat} ${panel} ${person}`} panel=${panel} person=${person} conversation=${conversation} />`}
    </div>
    ${drawer === "group" && html`<${NewGroup} onClose=${() => go(drawerAddress(null))} />`}
    ${drawer === "help" && html`<${HelpDialog} onClose=${() => go(drawerAddress(null))} />`}
  </div>`;
}

/** @param {{panel: string, person: Id | null, conversation: KnownConversation}} props */
function SidePanel({ panel, person, conversation }) {
  if (panel === "search") return html`<${ChatSearch} conversation=${conversation} />`;
  if (panel === "person") return person && html`<${PersonPanel} conversation=${conversation} userId=${person} />`;
  if (conversation.kind === "direct") return html`<${PersonPanel} conversation=${conversation} userId=${conversation.peer.id} />`;
  return !conversation.left && html`<${GroupPanel} conversation=${conversation} />`;
}

/** A banner while there is no connection. It fades in late, so that short interruptions are not shown. */
function Connection() {
  const client = useClient();
  const { status, retryAt } = useSelected((state) => state.connection);
  if (status === "online")
    return html`<div class="connection" role="status" data-testid="connection" data-status=${status}></div>`;
  const lost = status === "offline";
  return html`<div class="connection shown" role="status" data-testid="connection" data-status=${status}>
    <${Icon} name=${lost ? "offline" : "clock"} />
    <span>${lost ? "No connection. Messages you write are sent once it is back." : "Connecting…"}</span>
    ${lost && retryAt && html`<button type="button" class="link" data-testid="reconnect" onClick=${() => client.checkConnection()}>Try now</button>`}
  </div>`;
}

function useUnreadInTitle() {
  const conversations = useSelected((state) => state.conversations);
  const unread = unreadCount(conversations);
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) LetsApp` : "LetsApp";
  }, [unread]);
}

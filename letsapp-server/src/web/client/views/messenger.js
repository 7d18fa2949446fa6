// The whole screen of a signed-in user: the list at the left, a chat at the right; on a phone one of the two.
import { byActivity } from "../state/conversations.js";
import { html, useEffect } from "../vendor/htm-preact.js";
import { ClientContext, go, useClient, useRoute, useSelected } from "./bindings.js";
import { Chat } from "./chat.js";
import { Empty, IconButton } from "./elements.js";
import { Icon } from "./icons.js";
import { PeoplePanel } from "./people-panel.js";
import { Sidebar } from "./sidebar.js";

export function Messenger({ client }) {
  return html`<${ClientContext.Provider} value=${client}><${Panes} /><${Toasts} /><//>`;
}

function Panes() {
  const { chat, panel } = useRoute();
  const ready = useSelected((state) => state.ready);
  const status = useSelected((state) => state.connection.status);
  const conversation = useSelected((state) => state.conversations[chat]);
  const isGroup = conversation?.kind === "group";

  useUnreadInTitle();
  // An address to something that isn't there, any more or at all.
  useEffect(() => {
    if (ready && chat && !conversation) go("");
  }, [ready, chat, conversation]);

  return html`<div class="messenger ${conversation ? "in-chat" : ""}" data-testid="messenger" data-connection=${status}>
    <${Connection} />
    <div class="panes">
      <${Sidebar} selected=${chat} />
      ${
        conversation
          ? html`<${Chat} key=${conversation.id} conversation=${conversation} />`
          : html`<main class="chat nothing"><${Empty} title="Pick a conversation">Or find someone by name, and say hello.<//></main>`
      }
      ${isGroup && panel === "people" && !conversation.left && html`<${PeoplePanel} key=${`people-${chat}`} conversation=${conversation} />`}
    </div>
  </div>`;
}

/** Tells of a lost connection; a short one passes unseen, since the banner fades in late. */
function Connection() {
  const client = useClient();
  const { status, retryAt } = useSelected((state) => state.connection);
  if (status === "online")
    return html`<div class="connection" role="status" data-testid="connection" data-status=${status}></div>`;
  const lost = status === "offline";
  return html`<div class="connection shown" role="status" data-testid="connection" data-status=${status}>
    <${Icon} name=${lost ? "offline" : "clock"} />
    <span>${lost ? "No connection. Messages you write are sent once it is back." : "Connecting…"}</span>
    ${lost && retryAt && html`<button type="button" class="link" data-testid="reconnect" onClick=${() => client.nudge()}>Try now</button>`}
  </div>`;
}

function Toasts() {
  const client = useClient();
  const toasts = useSelected((state) => state.toasts);
  return html`<div class="toasts" aria-live="polite">
    ${toasts.map((toast) => html`<${Toast} key=${toast.id} toast=${toast} onGone=${() => client.dismiss(toast.id)} />`)}
  </div>`;
}

function Toast({ toast, onGone }) {
  useEffect(() => {
    const timer = setTimeout(onGone, 6_000);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="toast ${toast.tone}" data-testid="toast">
    <${Icon} name="alert" />
    <span>${toast.text}</span>
    <${IconButton} icon="close" label="Dismiss" onClick=${onGone} />
  </div>`;
}

function useUnreadInTitle() {
  const conversations = useSelected((state) => state.conversations);
  const unread = byActivity(conversations).filter(({ me }) => me.unread > 0).length;
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) LetsApp` : "LetsApp";
  }, [unread]);
}

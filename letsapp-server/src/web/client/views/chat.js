// @ts-check
// A conversation: its head, its messages, and the field to write in.
/** @import {Message} from "../../types/protocol.d.ts" */
/** @import {KnownConversation} from "../../types/state.d.ts" */
/** @import {ActionKind, OngoingAction} from "../../types/views.d.ts" */
/** @import {Client} from "../actions/client.js" */
import { timelineOf } from "../state/reduce.js";
import { titleOf } from "../text/names.js";
import { html, useCallback, useEffect, useState } from "../vendor/htm-preact.js";
import { DropZone } from "./attach.js";
import { ChatHead } from "./chat-head.js";
import { Composer } from "./composer.js";
import { Confirm, Empty, Spinner } from "./elements.js";
import { ForwardDialog } from "./forward.js";
import { useClient, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { isEditable } from "./message-tools.js";
import { ReactionsDialog } from "./reactions.js";
import { Timeline } from "./timeline.js";

/** Actions that are carried out in the composer. */
const IN_COMPOSER = ["edit", "reply"];

/** @param {{conversation: KnownConversation}} props */
export function Chat({ conversation }) {
  const client = useClient();
  const { id, kind, left } = conversation;
  const timeline = useSelected((state) => timelineOf(state, id));
  const online = useSelected((state) => state.connection.status === "online");
  const outbox = useSelected((state) => state.outbox);
  const receipts = useSelected((state) => state.receipts[id]);
  const users = useSelected((state) => state.users);
  const target = useSelected((state) => (state.target?.conversation_id === id ? state.target : null));
  // An edit or a reply in the composer, and another action that has opened a dialog meanwhile.
  const [writing, setWriting] = useState(/** @type {OngoingAction | null} */ (null));
  const [asking, setAsking] = useState(/** @type {OngoingAction | null} */ (null));
  const endWriting = () => setWriting(null);
  const closeDialog = () => setAsking(null);

  const title = titleOf(conversation, users);
  const waiting = outbox.filter(({ conversation_id }) => conversation_id === id);

  const { status } = timeline;
  const load = () => client.attempt(() => client.history.loadNewest(id));
  useEffect(() => {
    if (online && status === "empty") load();
  }, [id, online, status]);
  // After a failure the messages are loaded again only on request, or when the connection is back.
  useEffect(() => {
    if (online && status === "failed") load();
  }, [id, online]);
  useEffect(() => {
    if (online && kind === "group" && !left) client.groups.loadReceipts(id).catch(() => {});
  }, [id, kind, left, online]);
  useEffect(() => {
    client.notifications.setOpenConversation(id);
    return () => client.notifications.setOpenConversation(null);
  }, [client, id]);

  // The same function for as long as the chat is open: another one would redraw every message.
  const act = useCallback(
    (/** @type {ActionKind} */ kind, /** @type {Message} */ message) => {
      if (kind === "copy") copy(client, message);
      else if (IN_COMPOSER.includes(kind)) setWriting({ kind, message });
      else setAsking({ kind, message });
    },
    [client],
  );
  const confirmDelete = async () => {
    if (!asking) return;
    const { message } = asking;
    closeDialog();
    const deleted = await client.attempt(() => client.messages.delete(message), { forbidden: "You can’t delete this message." });
    if (deleted) setWriting((held) => (held?.message.id === message.id ? null : held));
  };
  const editLast = () => {
    const last = timeline.messages.findLast((message) => isEditable(message, client.store.state.me.id));
    if (last) act("edit", last);
  };

  return html`<main class="chat" aria-label=${`Chat: ${title}`} data-testid="chat" data-conversation-id=${id}>
    <${ChatHead} conversation=${conversation} title=${title} />
    ${
      status === "ready"
        ? html`<${Timeline}
          client=${client} conversation=${conversation} timeline=${timeline} waiting=${waiting} receipts=${receipts} users=${users}
          target=${target} onAction=${act}
        />`
        : html`<div class="timeline-place"><${NotLoaded} online=${online} failed=${status === "failed"} onRetry=${load} /></div>`
    }
    ${
      left
        ? html`<p class="composer-closed" data-testid="left"><${Icon} name="forbidden" />You are no longer part of this conversation.</p>`
        : html`<${Writing} conversation=${conversation} writing=${writing} onEditLast=${editLast} onDone=${endWriting} />`
    }
    ${
      asking?.kind === "delete" &&
      html`<${Confirm}
      title="Delete this message?" text="It disappears for everyone in this conversation." action="Delete" onConfirm=${confirmDelete} onClose=${closeDialog}
    />`
    }
    ${asking?.kind === "forward" && html`<${ForwardDialog} message=${asking.message} onClose=${closeDialog} />`}
    ${asking?.kind === "reactions" && html`<${ReactionsDialog} message=${asking.message} onClose=${closeDialog} />`}
  </main>`;
}

/**
 * The composer, or the reason why the reader can’t write here.
 * @param {{conversation: KnownConversation, writing: OngoingAction | null, onEditLast(): void, onDone(): void}} props
 */
function Writing({ conversation, writing, onEditLast, onDone }) {
  const client = useClient();
  const { id, peer } = conversation;
  const deleted = useSelected((state) => peer && (state.users[peer.id] ?? peer).deleted);
  const blocked = useSelected((state) => Boolean(peer && state.blocks?.[peer.id]));
  if (deleted) {
    return html`<p class="composer-closed" data-testid="peer-deleted"><${Icon} name="forbidden" />This account was deleted.</p>`;
  }
  if (peer && blocked) {
    return html`<p class="composer-closed" data-testid="peer-blocked">
      <${Icon} name="block" />You have blocked this person.
      <button type="button" class="link" data-testid="unblock-here" onClick=${() => client.attempt(() => client.contacts.unblock(peer.id))}>Unblock</button>
    </p>`;
  }
  const editing = writing?.kind === "edit" ? writing.message : null;
  const answered = writing?.kind === "reply" ? writing.message : null;
  return html`${!editing && html`<${DropZone} conversationId=${id} />`}<${Composer}
    key=${editing ? editing.id : id} conversation=${conversation} editing=${editing} answered=${answered} onEditLast=${onEditLast} onDone=${onDone}
  />`;
}

/** @param {{online: boolean, failed: boolean, onRetry(): void}} props */
function NotLoaded({ online, failed, onRetry }) {
  if (!online) return html`<${Empty} title="Not loaded yet">The messages come as soon as the connection is back.<//>`;
  if (!failed) return html`<${Spinner} label="Loading messages" />`;
  return html`<${Empty} title="That didn’t work">
    The messages could not be loaded.${" "}<button type="button" class="link" data-testid="load-again" onClick=${onRetry}>Try again</button>
  <//>`;
}

/**
 * @param {Client} client
 * @param {Message} message
 */
function copy(client, { body }) {
  return client.attempt(async () => {
    await navigator.clipboard.writeText(body);
    client.toast("Copied.", "good");
  });
}

// One conversation: who it is with, its messages, and where to write.
import { timelineOf } from "../state/reduce.js";
import { countOf, titleOf } from "../text.js";
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { chatAddress, go, useClient, useSelected } from "./bindings.js";
import { Composer } from "./composer.js";
import { Avatar, Confirm, Empty, IconButton, Spinner } from "./elements.js";
import { Icon } from "./icons.js";
import { isEditable } from "./message.js";
import { Timeline } from "./timeline.js";

export function Chat({ conversation }) {
  const client = useClient();
  const { id, kind, left } = conversation;
  const timeline = useSelected((state) => timelineOf(state, id));
  const online = useSelected((state) => state.connection.status === "online");
  const outbox = useSelected((state) => state.outbox);
  const receipts = useSelected((state) => state.receipts[id]);
  const users = useSelected((state) => state.users);
  const [editing, setEditing] = useState(null);
  const [deleting, setDeleting] = useState(null);

  const title = titleOf(conversation, users);
  const waiting = outbox.filter(({ conversation_id }) => conversation_id === id);

  const { status } = timeline;
  const load = () => client.attempt(() => client.loadNewest(id));
  useEffect(() => {
    if (online && status === "empty") load();
  }, [id, online, status]);
  // What failed is tried again by itself only when the connection is back.
  useEffect(() => {
    if (online && status === "failed") load();
  }, [id, online]);
  useEffect(() => {
    if (kind === "group" && !left) client.loadReceipts(id).catch(() => {});
  }, [id, kind, left]);

  const confirmDelete = () => {
    setDeleting(null);
    client.attempt(() => client.delete(deleting));
  };
  const editLast = () => {
    const last = timeline.messages.findLast((message) => isEditable(message, client.store.state.me.id));
    if (last) setEditing(last);
  };

  return html`<main class="chat" aria-label=${`Chat: ${title}`} data-testid="chat" data-conversation-id=${id}>
    <${ChatHead} conversation=${conversation} title=${title} />
    ${
      status === "ready"
        ? html`<${Timeline}
          client=${client} conversation=${conversation} timeline=${timeline} waiting=${waiting} receipts=${receipts} users=${users}
          onEdit=${setEditing} onDelete=${setDeleting}
        />`
        : html`<div class="timeline-place"><${NotLoaded} online=${online} failed=${status === "failed"} onRetry=${load} /></div>`
    }
    ${
      left
        ? html`<p class="composer-closed" data-testid="left"><${Icon} name="forbidden" />You are no longer part of this conversation.</p>`
        : html`<${Composer} key=${editing?.id ?? "new"} conversation=${conversation} editing=${editing} onEditLast=${editLast} onEdited=${() => setEditing(null)} />`
    }
    ${
      deleting &&
      html`<${Confirm}
      title="Delete this message?" text="It disappears for everyone in this conversation." action="Delete"
      onConfirm=${confirmDelete} onClose=${() => setDeleting(null)}
    />`
    }
  </main>`;
}

function NotLoaded({ online, failed, onRetry }) {
  if (!online) return html`<${Empty} title="Not loaded yet">The messages come as soon as the connection is back.<//>`;
  if (!failed) return html`<${Spinner} label="Loading messages" />`;
  return html`<${Empty} title="That didn’t work">
    The messages could not be loaded.${" "}<button type="button" class="link" data-testid="load-again" onClick=${onRetry}>Try again</button>
  <//>`;
}

function ChatHead({ conversation, title }) {
  const { id, kind, peer, member_count, left } = conversation;
  const isGroup = kind === "group";
  const note = isGroup ? !left && countOf(member_count) : peer.username && `@${peer.username}`;
  return html`<header class="chat-head">
    <${IconButton} icon="back" label="Back to conversations" testid="back" className="back" onClick=${() => go("")} />
    <${Avatar} id=${isGroup ? id : peer.id} name=${title} kind=${isGroup ? "group" : "person"} size="small" />
    <div class="chat-title">
      <h2 dir="auto" data-testid="chat-title">${title}</h2>
      <p>${note}</p>
    </div>
    ${isGroup && !left && html`<${IconButton} icon="people" label="People in this group" testid="members" onClick=${() => go(chatAddress(id, "people"))} />`}
  </header>`;
}

// One conversation in the list.
import { tick } from "../state/receipts.js";
import { briefTimeOf, fullTimeOf, peopleIn, previewOf, titleOf } from "../text.js";
import { html } from "../vendor/htm-preact.js";
import { chatAddress, useClient, usePeople, useSelected } from "./bindings.js";
import { Avatar, memo } from "./elements.js";
import { Tick } from "./tick.js";

export const ConversationItem = memo(({ conversation, selected }) => {
  const { store } = useClient();
  const users = useSelected((state) => state.users);
  const receipts = useSelected((state) => state.receipts[conversation.id]);
  const waiting = useSelected((state) => state.outbox.findLast(({ conversation_id }) => conversation_id === conversation.id));
  const { id, kind, head, me } = conversation;
  const last = head.last_message;
  const mine = store.state.me.id;
  const title = titleOf(conversation, users);
  usePeople(last ? peopleIn(last) : []);

  const ticked = last?.sender_id === mine && last.kind === "user" && !last.deleted_at && !waiting;
  const preview = waiting ? `You: ${waiting.body}` : previewOf(last, users, mine, { group: kind === "group" });
  const at = waiting?.queued_at ?? last?.sent_at ?? conversation.created_at;
  return html`<a
    href=${chatAddress(id)} class="row conversation ${me.unread > 0 ? "unread" : ""}" aria-current=${selected ? "true" : undefined}
    data-testid="conversation" data-conversation-id=${id} data-title=${title} data-unread=${me.unread}
  >
    <${Avatar} id=${kind === "direct" ? conversation.peer.id : id} name=${title} kind=${kind === "group" ? "group" : "person"} />
    <span class="row-text">
      <span class="row-line">
        <span class="row-title" dir="auto">${title}</span>
        <time class="row-time" datetime=${at} title=${fullTimeOf(at)}>${briefTimeOf(at)}</time>
      </span>
      <span class="row-line">
        ${waiting && html`<${Tick} state=${waiting.status === "failed" ? "failed" : "sending"} />`}
        ${ticked && html`<${Tick} state=${tick(receipts ?? {}, last.seq, mine)} />`}
        <span class="row-note" dir="auto" data-testid="last-message">${preview}</span>
        ${me.unread > 0 && html`<span class="badge" data-testid="unread" aria-label="${me.unread} unread">${me.unread > 999 ? "999+" : me.unread}</span>`}
      </span>
    </span>
  </a>`;
});

// The message that another answers: a few words of it, and the way there.
import { find } from "../state/timeline.js";
import { timelineOf } from "../state/reduce.js";
import { hueOf, nameOf } from "../text.js";
import { html, useEffect } from "../vendor/htm-preact.js";
import { useClient, usePeople, useSelected } from "./bindings.js";

/** Above an answer; a click shows what it answers. */
export function Quote({ conversationId, seq }) {
  const client = useClient();
  const message = useSelected((state) => find(timelineOf(state, conversationId), seq) ?? state.quoted[conversationId]?.[seq]);
  useEffect(() => void client.history.quote(conversationId, seq), [client, conversationId, seq]);
  const jump = () => client.attempt(() => client.history.jump(conversationId, seq), { forbidden: "You can’t see that message." });
  return html`<button type="button" class="quote" style=${hueFor(message)} data-testid="quote" data-quoted=${seq} onClick=${jump}>
    <${QuotedText} message=${message} />
  </button>`;
}

/** Who wrote it, and how it begins. `message` is null where it can't be seen, undefined until it is known. */
export function QuotedText({ message }) {
  const me = useSelected((state) => state.me.id);
  const sender = useSelected((state) => state.users[message?.sender_id]);
  usePeople([message?.sender_id]);
  if (!message) return html`<span class="quote-text">${message === null ? "This message isn’t there any more." : "…"}</span>`;
  return html`<span class="quote-name" dir="auto">${message.sender_id === me ? "You" : nameOf(sender)}</span>
    <span class="quote-text" dir="auto">${message.deleted_at ? "This message was deleted" : message.body}</span>`;
}

/** The colour of whoever wrote what is quoted. */
export function hueFor(message) {
  return message ? { "--hue": hueOf(message.sender_id) } : undefined;
}

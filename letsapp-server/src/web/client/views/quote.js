// @ts-check
// The quote above an answer, which leads to the message it answers.
/** @import {Id, Message} from "../../types/protocol.d.ts" */
import { timelineOf } from "../state/reduce.js";
import { find } from "../state/timeline.js";
import { textOf } from "../text/messages.js";
import { hueOf, nameOf } from "../text/names.js";
import { html, useEffect } from "../vendor/htm-preact.js";
import { useClient, useProfiles, useSelected } from "./hooks.js";

/**
 * A quote. A click shows the message.
 * @param {{conversationId: Id, seq: number}} props
 */
export function Quote({ conversationId, seq }) {
  const client = useClient();
  const message = useSelected((state) => find(timelineOf(state, conversationId), seq) ?? state.quoted[conversationId]?.[seq]);
  useEffect(() => void client.history.loadQuoted(conversationId, seq), [client, conversationId, seq]);
  const jump = () =>
    client.attempt(() => client.history.jumpTo(conversationId, seq), { forbidden: "You can’t see that message." });
  return html`<button type="button" class="quote" style=${hueFor(message)} data-testid="quote" data-quoted=${seq} onClick=${jump}>
    <${QuotedText} message=${message} />
  </button>`;
}

/**
 * The sender and the beginning of a message.
 * @param {object} props null where the message can’t be seen, undefined until it is loaded
 * @param {Message | null | undefined} props.message
 */
export function QuotedText({ message }) {
  const me = useSelected((state) => state.me.id);
  const sender = useSelected((state) => state.users[message?.sender_id ?? ""]);
  useProfiles([message?.sender_id]);
  if (!message) return html`<span class="quote-text">${message === null ? "This message isn’t there any more." : "…"}</span>`;
  return html`<span class="quote-name" dir="auto">${message.sender_id === me ? "You" : nameOf(sender)}</span>
    <span class="quote-text" dir="auto">${message.deleted_at ? "This message was deleted" : textOf(message)}</span>`;
}

/**
 * Returns the style with the colour of the sender.
 * @param {Message | null | undefined} message
 */
export function hueFor(message) {
  return message ? { "--hue": hueOf(message.sender_id) } : undefined;
}

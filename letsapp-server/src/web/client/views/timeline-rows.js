// @ts-check
// The rows of a timeline: messages, and the separators between them.
/** @import {Id, Message as WireMessage} from "../../types/protocol.d.ts" */
/** @import {OutboxItem} from "../../types/state.d.ts" */
/** @import {Client} from "../actions/client.js" */
/** @import {TimelineProps} from "./timeline.js" */
import { deliveryStatus } from "../state/receipts.js";
import { dayOf, isSameDay, minutesBetween } from "../text/times.js";
import { html } from "../vendor/htm-preact.js";
import { Message, SystemMessage, WaitingMessage } from "./message.js";

/** Messages of one sender within this time are shown as one group. */
const GROUPED_MINUTES = 5;

/**
 * The parts of a message that decide about the separators before it. A waiting message has no number yet, but an id.
 * @typedef {{seq: number | Id, kind: string, sender_id: Id, sent_at: string}} Placed
 */

/**
 * Draws a message, with the separators before it.
 * @param {TimelineProps} props
 * @param {WireMessage} message
 * @param {WireMessage | undefined} previous
 * @param {{divider: number | null, isTabStop: boolean}} place
 */
export function messageRows(
  { client, users, receipts, conversation, target, onAction },
  message,
  previous,
  { divider, isTabStop },
) {
  const me = client.store.state.me.id;
  const separators = separatorsBetween(previous, message, divider);
  if (message.kind === "system") {
    return [...separators, html`<${SystemMessage} key=${message.id} message=${message} users=${users} me=${me} />`];
  }
  const isGroup = conversation.kind === "group";
  const row = html`<${Message}
    key=${message.id} client=${client} message=${message} me=${me} sender=${users[message.sender_id]} inGroup=${isGroup}
    continues=${separators.length === 0 && isContinuation(previous, message)} stop=${isTabStop}
    tick=${message.sender_id === me ? deliveryStatus(receipts ?? {}, message.seq, me) : null} closed=${Boolean(conversation.left)}
    mayModerate=${isGroup && conversation.me.role !== "member"} onAction=${onAction}
    target=${target?.seq === message.seq ? target : null}
  />`;
  return [...separators, row];
}

/**
 * Draws the messages that are not acknowledged, in the places that they will have.
 * @param {Client} client
 * @param {OutboxItem[]} items
 * @param {Placed | undefined} last the message before them
 * @param {number | null} divider
 */
export function waitingRows(client, items, last, divider) {
  const rows = [];
  let previous = last;
  for (const item of items) {
    /** @type {Placed} */
    const message = { seq: item.id, kind: "user", sender_id: client.store.state.me.id, sent_at: item.queued_at };
    const separators = separatorsBetween(previous, message, divider);
    const continues = separators.length === 0 && isContinuation(previous, message);
    const [retry, discard] = [() => client.messages.retry(item.id), () => client.messages.discard(item.id)];
    rows.push(
      ...separators,
      html`<${WaitingMessage} key=${item.id} item=${item} continues=${continues} onRetry=${retry} onDiscard=${discard} />`,
    );
    previous = message;
  }
  return rows;
}

/**
 * Draws the heading of a new day, and the divider above the first unread message.
 * @param {Placed | undefined} previous
 * @param {Placed} message
 * @param {number | null} divider the `seq` of the last message that was read
 */
function separatorsBetween(previous, message, divider) {
  const separators = [];
  if (!previous || !isSameDay(previous.sent_at, message.sent_at)) {
    separators.push(html`<li class="day" key=${`day-${message.seq}`}><span>${dayOf(message.sent_at)}</span></li>`);
  }
  if (divider !== null && isAfter(message, divider) && !(previous && isAfter(previous, divider))) {
    separators.push(html`<li class="divider" key="divider" data-testid="unread-divider"><span>New messages</span></li>`);
  }
  return separators;
}

/**
 * @param {Placed} message
 * @param {number} seq
 */
function isAfter(message, seq) {
  return typeof message.seq === "number" && message.seq > seq;
}

/**
 * @param {Placed | undefined} previous
 * @param {Placed} message
 */
function isContinuation(previous, message) {
  return (
    previous?.kind === "user" &&
    previous.sender_id === message.sender_id &&
    minutesBetween(previous.sent_at, message.sent_at) < GROUPED_MINUTES
  );
}

// @ts-check
// Messages as text: one-line previews, and the sentences for system messages. Pure.
/** @import {Id, Message} from "../../types/protocol.d.ts" */
/** @import {Named} from "../../types/state.d.ts" */
import { filesText } from "./files.js";
import { nameOf } from "./names.js";

/** @typedef {Record<Id, Named | undefined>} Users */

/** @type {Record<string, string>} */
const ROLES = { owner: "the owner", admin: "an admin" };
/** Up to this many names are listed; of more, the first three and a number. */
const MAX_LISTED = 4;

/**
 * Returns a message as one line, for the list of conversations.
 * @param {Message | null} message
 * @param {Users} users
 * @param {Id} me
 */
export function previewOf(message, users, me, { group = false } = {}) {
  if (!message) return "No messages yet";
  if (message.kind === "system") return systemText(message, users, me);
  const own = message.sender_id === me;
  if (message.deleted_at) return own ? "You deleted a message" : "Message deleted";
  const body = textOf(message).replace(/\s+/g, " ");
  if (own) return `You: ${body}`;
  return group ? `${nameOf(users[message.sender_id])}: ${body}` : body;
}

/**
 * Returns the body of a message, or what it carries where it has none.
 * @param {Pick<Message, "body" | "attachments">} message
 */
export function textOf({ body, attachments = [] }) {
  return body || filesText(attachments);
}

/**
 * Returns the sentence for a system message, addressed to the reader.
 * @param {Pick<Message, "sender_id" | "system">} message
 * @param {Users} users
 * @param {Id} me
 */
export function systemText({ sender_id, system }, users, me) {
  const actor = sender_id === me ? "You" : nameOf(users[sender_id]);
  const person = (/** @type {Id} */ id) => (id === me ? "you" : nameOf(users[id]));
  switch (system?.type) {
    case "group_created":
      return `${actor} created the group`;
    case "title_changed":
      return `${actor} named the group “${system.title}”`;
    case "about_changed":
      return system.about ? `${actor} changed the description` : `${actor} removed the description`;
    case "picture_changed":
      return system.avatar_media_id ? `${actor} changed the picture` : `${actor} removed the picture`;
    case "members_added":
      return `${actor} added ${listed(system.user_ids.map(person))}`;
    case "member_removed":
      return `${actor} removed ${person(system.user_id)}`;
    case "member_left":
      return `${system.user_id === me ? "You" : nameOf(users[system.user_id])} left`;
    case "role_changed":
      if (system.role === "member") return `${actor} made ${person(system.user_id)} an ordinary member`;
      return `${actor} made ${person(system.user_id)} ${ROLES[system.role] ?? system.role}`;
    case "call":
      return `${system.media === "video" ? "Video" : "Voice"} call · ${system.outcome}`;
    default:
      // A server that is newer than the page may send types that it doesn't know.
      return "Something changed here";
  }
}

/**
 * Returns the ids of all users whom a message names, its sender included.
 * @param {Pick<Message, "sender_id" | "system" | "mentions">} message
 */
export function peopleIn({ sender_id, system, mentions }) {
  const { user_id, user_ids = [] } = /** @type {{user_id?: Id, user_ids?: Id[]}} */ (system ?? {});
  return [sender_id, user_id, ...user_ids, ...(mentions ?? [])].filter((id) => id !== undefined && id !== null);
}

/** @param {string[]} names */
function listed(names) {
  const shown = names.length > MAX_LISTED ? [...names.slice(0, 3), `${names.length - 3} others`] : names;
  return shown.length < 2 ? (shown[0] ?? "nobody") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

// @ts-check
// Presence and typing as text. Pure.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {Named, Presence} from "../../types/state.d.ts" */
import { nameOf } from "./names.js";
import { briefTimeOf, timeOf } from "./times.js";

/**
 * Returns a user's presence, empty where the user does not show it.
 * @param {Presence | null | undefined} presence
 */
export function presenceText(presence, now = new Date()) {
  if (presence?.status === "online") return "online";
  return presence?.last_seen_at ? `last seen ${lastSeenText(presence.last_seen_at, now)}` : "";
}

/**
 * Returns who is typing in a conversation, empty if nobody is.
 * @param {Id[] | undefined} ids
 * @param {Record<Id, Named | undefined>} users
 * @param {{group: boolean}} kind
 */
export function typingText(ids, users, { group }) {
  if (!ids?.length) return "";
  if (!group) return "typing…";
  const [first, second] = ids.map((id) => nameOf(users[id]));
  if (ids.length === 1) return `${first} is typing…`;
  return ids.length === 2 ? `${first} and ${second} are typing…` : `${ids.length} people are typing…`;
}

/**
 * @param {string} at
 * @param {Date} now
 */
function lastSeenText(at, now) {
  const minutes = Math.floor((now.getTime() - new Date(at).getTime()) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const day = briefTimeOf(at, now);
  return day === timeOf(at)
    ? `today at ${day}`
    : `${/^\d/.test(day) ? "on " : ""}${day === "Yesterday" ? "yesterday" : day} at ${timeOf(at)}`;
}

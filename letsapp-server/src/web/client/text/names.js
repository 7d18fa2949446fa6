// @ts-check
// Names of users and conversations as text, and the initials and colour that stand in for a picture. Pure.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {KnownConversation, Named, State} from "../../types/state.d.ts" */
import { segmentsOf } from "./characters.js";

/** @param {Named | undefined} user */
export function nameOf(user) {
  if (!user) return "…";
  if (user.deleted) return "Deleted account";
  return user.alias || user.display_name || user.username || "";
}

/**
 * @param {KnownConversation} conversation
 * @param {State["users"]} users
 */
export function titleOf(conversation, users) {
  if (conversation.kind === "group") return conversation.title;
  const { peer } = conversation;
  return nameOf(users[peer?.id] ?? peer);
}

/**
 * Returns the id of the picture of a conversation: the group's, or the other user's.
 * @param {KnownConversation} conversation
 * @param {State["users"]} users
 */
export function pictureOf({ kind, avatar_media_id, peer }, users) {
  if (kind === "group") return avatar_media_id;
  return (users[peer?.id] ?? peer)?.avatar_media_id ?? null;
}

/** @param {number} members */
export const countOf = (members) => (members === 1 ? "1 person" : `${members} people`);

/**
 * Returns the first letters of the first and last word of a name.
 * @param {string} name
 */
export function initialsOf(name) {
  const words = name
    .trim()
    .split(/\s+/)
    .filter((word) => /[\p{L}\p{N}]/u.test(word));
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map(firstLetter).join("").toLocaleUpperCase() || "·";
}

/**
 * Returns a hue in degrees that is always the same for the same id. Twenty-four are as many as can be told apart.
 * @param {Id} id
 */
export function hueOf(id) {
  let hash = 0;
  for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return (hash % 24) * 15;
}

/** @param {string} word */
function firstLetter(word) {
  const [{ segment }] = segmentsOf(word.replace(/^[^\p{L}\p{N}]+/u, ""));
  return segment;
}

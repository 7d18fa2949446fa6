// @ts-check
// Mentions: `@` and a username in the text of a message. Pure.
/** @import {Person} from "../../types/state.d.ts" */

const MENTION = /(?<![\p{L}\p{N}_.@])@([a-z0-9_.]{1,32})/giu;
/** The most members that the list of suggestions shows: as many as fit above a phone's keyboard. */
const MAX_SUGGESTIONS = 6;

/** @typedef {Pick<Person, "id" | "username" | "display_name" | "alias">} Mentionable */

/**
 * Returns the mention that is being typed right before the caret, null if there is none.
 * @param {string} text
 * @param {number} caret
 */
export function mentionAt(text, caret) {
  const typed = /(?<![\p{L}\p{N}_.@])@([a-z0-9_.]{0,32})$/iu.exec(text.slice(0, caret));
  return typed && { from: typed.index, query: typed[1].toLowerCase() };
}

/**
 * Returns the members whose username, or a word of whose name or alias, begins with the query.
 * @template {Mentionable} P
 * @param {P[]} people
 * @param {string} query
 */
export function suggestMentions(people, query) {
  return people
    .filter(({ username, display_name, alias }) => {
      if (!username) return false;
      const words = [username, ...`${alias ?? ""} ${display_name}`.split(/\s+/)];
      return words.some((word) => word.toLowerCase().startsWith(query));
    })
    .slice(0, MAX_SUGGESTIONS);
}

/**
 * Returns the ids of the people mentioned in a body.
 * @param {string} body
 * @param {Mentionable[]} people
 */
export function mentionedIds(body, people) {
  return [...new Set(findMentions(body, people).map(({ person }) => person.id))];
}

/**
 * Returns the ranges of a body that mention somebody. A full stop after a username is not part of it, unless a longer username has
 * it.
 * @template {Mentionable} P
 * @param {string} body
 * @param {P[]} people
 */
export function findMentions(body, people) {
  const byName = new Map(people.map((person) => [person.username?.toLowerCase(), person]));
  byName.delete(undefined);
  const mentions = [];
  for (const { 1: written, index } of body.matchAll(MENTION)) {
    let name = written.toLowerCase();
    while (!byName.has(name) && name.endsWith(".")) name = name.slice(0, -1);
    const person = byName.get(name);
    if (person) mentions.push({ start: index, end: index + 1 + name.length, person });
  }
  return mentions;
}

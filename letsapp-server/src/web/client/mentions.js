// Naming members in a message: `@` and their username. Pure.

const NAME = /(?<![\p{L}\p{N}_.@])@([a-z0-9_.]{1,32})/giu;
const SHOWN = 6;

/** What is being typed after an `@` right before the caret: `{from, query}`, or null. */
export function mentionAt(text, caret) {
  const typed = /(?<![\p{L}\p{N}_.@])@([a-z0-9_.]{0,32})$/iu.exec(text.slice(0, caret));
  return typed && { from: typed.index, query: typed[1].toLowerCase() };
}

/** The members whose username or name, or a word of it, begins so. */
export function mentionable(people, query) {
  const begins = ({ username, display_name, alias }) =>
    [username, ...`${alias ?? ""} ${display_name}`.split(/\s+/)].some((word) => word.toLowerCase().startsWith(query));
  return people.filter((person) => person.username && begins(person)).slice(0, SHOWN);
}

/** The ids of those of `people` whom a body names. */
export function mentionsIn(body, people) {
  return [...new Set(mentionsOf(body, people).map(({ person }) => person.id))];
}

/** Where a body names one of `people`: `{start, end, person}`. A full stop after a name isn't part of it. */
export function mentionsOf(body, people) {
  const byName = new Map(people.filter(({ username }) => username).map((person) => [person.username.toLowerCase(), person]));
  const found = [];
  for (const { 1: written, index } of body.matchAll(NAME)) {
    let name = written.toLowerCase();
    while (!byName.has(name) && name.endsWith(".")) name = name.slice(0, -1);
    if (byName.has(name)) found.push({ start: index, end: index + 1 + name.length, person: byName.get(name) });
  }
  return found;
}

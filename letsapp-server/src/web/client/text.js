// What the state is called in words: names, times, system messages. English, with times as the reader's own system writes them.

const MINUTE = 60_000;
const DAY = 86_400_000;

const ROLES = { owner: "the owner", admin: "an admin" };

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const shortDate = new Intl.DateTimeFormat(undefined, { day: "2-digit", month: "2-digit", year: "2-digit" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export const timeOf = (at) => clock.format(new Date(at));

export const dateOf = (at) => date.format(new Date(at));

export const fullTimeOf = (at) => moment.format(new Date(at));

/** The heading above a day's messages. */
export function dayOf(at, now = new Date()) {
  const age = daysBetween(new Date(at), now);
  if (age === 0) return "Today";
  if (age === 1) return "Yesterday";
  return (age > 1 && age < 7 ? weekday : date).format(new Date(at));
}

/** When, as short as a list wants it. */
export function briefTimeOf(at, now = new Date()) {
  const age = daysBetween(new Date(at), now);
  if (age <= 0) return timeOf(at);
  if (age === 1) return "Yesterday";
  return (age < 7 ? weekday : shortDate).format(new Date(at));
}

export function sameDay(a, b) {
  return daysBetween(new Date(a), new Date(b)) === 0;
}

export function minutesBetween(a, b) {
  return Math.abs(new Date(b) - new Date(a)) / MINUTE;
}

function daysBetween(earlier, later) {
  const midnight = (at) => new Date(at).setHours(12, 0, 0, 0);
  return Math.round((midnight(later) - midnight(earlier)) / DAY);
}

export function nameOf(user) {
  if (!user) return "…";
  if (user.deleted) return "Deleted account";
  return user.alias || user.display_name || user.username;
}

export function titleOf(conversation, users) {
  if (conversation.kind === "group") return conversation.title;
  const { peer } = conversation;
  return nameOf(users[peer?.id] ?? peer);
}

export const countOf = (members) => (members === 1 ? "1 person" : `${members} people`);

/** One or two letters that stand for a name. */
export function initialsOf(name) {
  const words = name
    .trim()
    .split(/\s+/)
    .filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = (words.length > 1 ? [words[0], words.at(-1)] : words).map((word) => firstLetter(word));
  return letters.join("").toLocaleUpperCase() || "·";
}

/** A hue that is always the same for the same id. */
export function hueOf(id) {
  let hash = 0;
  for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return (hash % 24) * 15;
}

/** Characters as a person counts them. */
export function lengthOf(text) {
  let count = 0;
  for (const _ of graphemes.segment(text)) count++;
  return count;
}

/** Whether a body is nothing but a few emoji, which are then shown large. */
export function isEmojiOnly(body) {
  const emoji = /^(\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|[\u200d\ufe0f\u20e3]|\s)+$/u;
  return body.length > 0 && body.length < 48 && emoji.test(body) && lengthOf(body.replace(/\s/g, "")) <= 3;
}

/** A message in one line, for the list of conversations. */
export function previewOf(message, users, me, { group = false } = {}) {
  if (!message) return "No messages yet";
  if (message.kind === "system") return systemText(message, users, me);
  const own = message.sender_id === me;
  if (message.deleted_at) return own ? "You deleted a message" : "Message deleted";
  const body = message.body.replace(/\s+/g, " ");
  if (own) return `You: ${body}`;
  return group ? `${nameOf(users[message.sender_id])}: ${body}` : body;
}

/** What happened, told to the one who reads it. */
export function systemText({ sender_id, system }, users, me) {
  const actor = sender_id === me ? "You" : nameOf(users[sender_id]);
  const person = (id) => (id === me ? "you" : nameOf(users[id]));
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
      return "Something changed here";
  }
}

/** Everyone a message speaks of. */
export function peopleIn({ sender_id, system, mentions }) {
  return [sender_id, system?.user_id, ...(system?.user_ids ?? []), ...(mentions ?? [])].filter(Boolean);
}

function listed(names) {
  const shown = names.length > 4 ? [...names.slice(0, 3), `${names.length - 3} others`] : names;
  return shown.length < 2 ? (shown[0] ?? "nobody") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

function firstLetter(word) {
  const [{ segment }] = graphemes.segment(word.replace(/^[^\p{L}\p{N}]+/u, ""));
  return segment;
}

// Who is here, who was, and who is writing, in words.
import { briefTimeOf, nameOf, timeOf } from "./text.js";

/** What is told of somebody's presence; nothing where they don't show it. */
export function presenceText(presence, now = new Date()) {
  if (presence?.status === "online") return "online";
  return presence?.last_seen_at ? `last seen ${whenOf(presence.last_seen_at, now)}` : "";
}

/** Who is writing in a conversation; nothing while nobody is. */
export function typingText(ids, users, { group }) {
  if (!ids?.length) return "";
  if (!group) return "typing…";
  const [first, second] = ids.map((id) => nameOf(users[id]));
  if (ids.length === 1) return `${first} is typing…`;
  return ids.length === 2 ? `${first} and ${second} are typing…` : `${ids.length} people are typing…`;
}

function whenOf(at, now) {
  const minutes = Math.floor((now - new Date(at)) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const day = briefTimeOf(at, now);
  return day === timeOf(at)
    ? `today at ${day}`
    : `${/^\d/.test(day) ? "on " : ""}${day === "Yesterday" ? "yesterday" : day} at ${timeOf(at)}`;
}

// @ts-check
// Times and dates as text: English words, with numbers as the reader's own system writes them. Pure.

/** @typedef {string | number | Date} Time */

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const shortDate = new Intl.DateTimeFormat(undefined, { day: "2-digit", month: "2-digit", year: "2-digit" });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

/** @param {Time} at */
export const timeOf = (at) => clock.format(new Date(at));

/** @param {Time} at */
export const dateOf = (at) => date.format(new Date(at));

/** @param {Time} at */
export const fullTimeOf = (at) => fullTime.format(new Date(at));

/**
 * Returns the heading above a day's messages.
 * @param {Time} at
 */
export function dayOf(at, now = new Date()) {
  const age = daysBetween(new Date(at), now);
  if (age === 0) return "Today";
  if (age === 1) return "Yesterday";
  return (age > 1 && age < 7 ? weekday : date).format(new Date(at));
}

/**
 * Returns the time of a row in a list: as short as it can be understood.
 * @param {Time} at
 */
export function briefTimeOf(at, now = new Date()) {
  const age = daysBetween(new Date(at), now);
  if (age <= 0) return timeOf(at);
  if (age === 1) return "Yesterday";
  return (age < 7 ? weekday : shortDate).format(new Date(at));
}

/**
 * @param {Time} a
 * @param {Time} b
 */
export function isSameDay(a, b) {
  return daysBetween(new Date(a), new Date(b)) === 0;
}

/**
 * @param {Time} a
 * @param {Time} b
 */
export function minutesBetween(a, b) {
  return Math.abs(new Date(b).getTime() - new Date(a).getTime()) / MINUTE_MS;
}

/**
 * Counts calendar days. Measured from noon to noon and rounded, since days with a change of the clock have 23 or 25 hours.
 * @param {Date} earlier
 * @param {Date} later
 */
function daysBetween(earlier, later) {
  const noon = (/** @type {Date} */ at) => new Date(at).setHours(12, 0, 0, 0);
  return Math.round((noon(later) - noon(earlier)) / DAY_MS);
}

// @ts-check
// The body of a message in parts: text, links, mentions and search matches. Pure.
//
// The views draw each part as a text node, so that a body can never become markup.
/** @import {Highlight} from "../../types/protocol.d.ts" */
/** @import {Range} from "../../types/state.d.ts" */
/** @import {Mentionable} from "./mentions.js" */
import { findMentions } from "./mentions.js";

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+[^\s<>".,:;!?'’)\]}]/gu;
/** The most characters that an excerpt shows before the first match. */
const BEFORE_MATCH = 24;

/**
 * @typedef {object} Part
 * @property {string} text
 * @property {string} [href] the address of a link
 * @property {Mentionable} [person] the user that a mention names
 * @property {true} [found] set where a search has matched
 */
/** @typedef {Range & {href?: string, person?: Mentionable}} Span */

/**
 * Splits a body into parts. Matches may begin or end inside of links and mentions.
 * @param {string} body
 * @param {{people?: Mentionable[], highlights?: Range[]}} options
 */
export function splitBody(body, { people = [], highlights = [] } = {}) {
  /** @type {Span[]} */
  const spans = [...findLinks(body), ...findMentions(body, people)].sort((a, b) => a.start - b.start);
  const edges = new Set([0, body.length]);
  for (const { start, end } of [...spans, ...highlights]) edges.add(start).add(end);
  const sorted = [...edges].filter((at) => at >= 0 && at <= body.length).sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => partOf(body, { start: sorted[i], end }, spans, highlights));
}

/**
 * Converts the highlights of a field from code points, as the server counts, to ranges of the string.
 * @param {string} text the field
 * @param {Highlight[]} highlights
 * @returns {Range[]}
 */
export function rangesIn(text, highlights, name = "body") {
  const offsets = [0];
  for (const point of text) offsets.push(offsets[offsets.length - 1] + point.length);
  const at = (/** @type {number} */ point) => offsets[Math.min(point, offsets.length - 1)];
  return highlights.filter(({ field }) => field === name).map(({ start, end }) => ({ start: at(start), end: at(end) }));
}

/**
 * Returns the parts of an excerpt that begins shortly before the first match, at a word where possible.
 * @param {string} body
 * @param {Range[]} highlights
 * @returns {Pick<Part, "text" | "found">[]}
 */
export function excerptOf(body, highlights) {
  const first = Math.min(...highlights.map(({ start }) => start), body.length);
  const word = first > BEFORE_MATCH ? body.lastIndexOf(" ", first - BEFORE_MATCH / 2) + 1 : 0;
  const from = first > BEFORE_MATCH ? Math.max(word, first - BEFORE_MATCH) : 0;
  const shifted = highlights.map(({ start, end }) => ({ start: start - from, end: end - from }));
  const parts = splitBody(body.slice(from), { highlights: shifted }).map(({ text, found }) =>
    found ? { text, found } : { text },
  );
  return from > 0 ? [{ text: "…" }, ...parts] : parts;
}

/**
 * @param {string} body
 * @param {Range} range
 * @param {Span[]} spans
 * @param {Range[]} highlights
 */
function partOf(body, { start, end }, spans, highlights) {
  const isWithin = (/** @type {Range} */ span) => span.start <= start && end <= span.end;
  const { href, person } = spans.find(isWithin) ?? {};
  /** @type {Part} */
  const part = { text: body.slice(start, end) };
  if (href) part.href = href;
  if (person) part.person = person;
  if (highlights.some(isWithin)) part.found = true;
  return part;
}

/** @param {string} body */
function findLinks(body) {
  return [...body.matchAll(ADDRESS)].map(({ 0: href, index }) => ({ start: index, end: index + href.length, href }));
}

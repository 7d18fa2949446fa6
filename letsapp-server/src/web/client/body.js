// A message's body in parts, so that links, names and findings are shown as such without any HTML. Pure.
import { mentionsOf } from "./mentions.js";

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+[^\s<>".,:;!?'’)\]}]/gu;
/** How much is shown before the first finding in a line. */
const BEFORE = 24;

/** Parts of a body: `{text}`, with `href` in a link, `person` in a mention, `found` where a search has hit. */
export function partsOf(body, { people = [], highlights = [] } = {}) {
  const spans = [...linksIn(body), ...mentionsOf(body, people)].sort((a, b) => a.start - b.start);
  const edges = new Set([0, body.length]);
  for (const { start, end } of [...spans, ...highlights]) edges.add(start).add(end);
  const sorted = [...edges].filter((at) => at >= 0 && at <= body.length).sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => part(body, sorted[i], end, spans, highlights));
}

/** What of a body a search has found: `{start, end}`, from code points, as the server counts them, to places in the string. */
export function foundIn(body, highlights) {
  const places = [0];
  for (const point of body) places.push(places.at(-1) + point.length);
  const at = (point) => places[Math.min(point, places.length - 1)];
  return highlights.filter(({ field }) => field === "body").map(({ start, end }) => ({ start: at(start), end: at(end) }));
}

/** One line of a body for a list of findings, beginning shortly before the first of them. */
export function excerptOf(body, highlights) {
  const first = Math.min(...highlights.map(({ start }) => start), body.length);
  const word = first > BEFORE ? body.lastIndexOf(" ", first - BEFORE / 2) + 1 : 0;
  const from = first > BEFORE ? Math.max(word, first - BEFORE) : 0;
  const shifted = highlights.map(({ start, end }) => ({ start: start - from, end: end - from }));
  const parts = partsOf(body.slice(from), { highlights: shifted }).map(({ text, found }) => (found ? { text, found } : { text }));
  return from > 0 ? [{ text: "…" }, ...parts] : parts;
}

function part(body, start, end, spans, highlights) {
  const within = (span) => span.start <= start && end <= span.end;
  const { href, person } = spans.find(within) ?? {};
  const result = { text: body.slice(start, end) };
  if (href) result.href = href;
  if (person) result.person = person;
  if (highlights.some(within)) result.found = true;
  return result;
}

function linksIn(body) {
  return [...body.matchAll(ADDRESS)].map(({ 0: href, index }) => ({ start: index, end: index + href.length, href }));
}

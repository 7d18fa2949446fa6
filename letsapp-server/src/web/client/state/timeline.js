// The messages of one conversation that are at hand, by `seq`: everything visible from the oldest one loaded to the newest, which
// is the head unless the reader has jumped far back.

/**
 * `status` is "empty" until the first page is asked for, then "loading", then "ready", or "failed". `asking` names the page under
 * way; an answer to anything else comes too late.
 */
export const EMPTY = { status: "empty", messages: [], reachedStart: false, reachedEnd: true, asking: null };

export const oldest = (timeline) => timeline.messages[0];

export const newest = (timeline) => timeline.messages.at(-1);

/** Whether every visible message after `seq` is at hand. */
export function covers(timeline, seq) {
  return timeline.status === "ready" && timeline.reachedEnd && (timeline.reachedStart || oldest(timeline)?.seq <= seq + 1);
}

export function find(timeline, seq) {
  const message = timeline.messages[position(timeline.messages, seq)];
  return message?.seq === seq ? message : undefined;
}

/** A page is being asked for: the first one, what comes before or after those at hand, or another place. */
export function asked(timeline, asking) {
  return { ...timeline, status: timeline.status === "ready" ? "ready" : "loading", asking };
}

/** The page that was asked for doesn't come. */
export function refused(timeline, asking) {
  if (timeline.asking !== asking) return timeline;
  return timeline.status === "ready" ? { ...timeline, asking: null } : { ...EMPTY, status: "failed" };
}

/**
 * Takes a page of history that follows on what is at hand, in either direction. What it doesn't say of `reachedStart` and
 * `reachedEnd` stays as it is.
 */
export function page(timeline, asking, { items, reachedStart, reachedEnd }, me) {
  if (timeline.asking !== asking) return timeline;
  const ends = {
    reachedStart: reachedStart ?? timeline.reachedStart,
    reachedEnd: reachedEnd ?? timeline.reachedEnd,
  };
  return { status: "ready", messages: merged(timeline.messages, items, me), ...ends, asking: null };
}

/** Takes the messages around a place that may lie far from those at hand, which are then let go. */
export function place(timeline, asking, { items, reachedStart, reachedEnd }, me) {
  if (timeline.asking !== asking) return timeline;
  const seqs = items.map(({ seq }) => seq);
  const [from, to] = [Math.min(...seqs), Math.max(...seqs)];
  const [first, last] = [oldest(timeline)?.seq, newest(timeline)?.seq];
  if (items.length === 0 || !(first <= to + 1 && from <= last + 1)) {
    return page({ ...EMPTY, asking }, asking, { items, reachedStart, reachedEnd }, me);
  }
  const ends = {
    reachedStart: reachedStart || (first <= from && timeline.reachedStart),
    reachedEnd: reachedEnd || (last >= to && timeline.reachedEnd),
  };
  return page(timeline, asking, { items, ...ends }, me);
}

/** Takes a live message, unless it lies where nothing is loaded. */
export function put(timeline, message, me) {
  if (timeline.status === "empty" || timeline.status === "failed") return timeline;
  return beyond(timeline, message.seq) ? timeline : { ...timeline, messages: merged(timeline.messages, [message], me) };
}

function beyond(timeline, seq) {
  if (timeline.status !== "ready") return false;
  const before = !timeline.reachedStart && seq < (oldest(timeline)?.seq ?? 0);
  return before || (!timeline.reachedEnd && seq > (newest(timeline)?.seq ?? 0));
}

function merged(messages, items, me) {
  const result = messages.slice();
  for (const item of items) {
    const at = position(result, item.seq);
    const held = result[at];
    if (held?.seq !== item.seq) result.splice(at, 0, withMyReaction(item, undefined, me));
    else if (item.rev > held.rev) result[at] = withMyReaction(item, held, me);
    else if (item.rev === held.rev && "my_reaction" in item) result[at] = item;
  }
  return result;
}

/** Events don't say what the reader's own reaction is; mostly it can be told from who reacted, else it is as it was. */
function withMyReaction(message, held, me) {
  if ("my_reaction" in message) return message;
  const mine = message.reactions.find(({ user_ids }) => user_ids.includes(me));
  const kept = message.reactions.find(({ emoji, count, user_ids }) => emoji === held?.my_reaction && count > user_ids.length);
  return { ...message, my_reaction: (mine ?? kept)?.emoji ?? null };
}

/** Where the message with this `seq` is, or would be. */
function position(messages, seq) {
  let low = 0;
  let high = messages.length;
  // New messages come last, far more often than not.
  if (high > 0 && messages[high - 1].seq < seq) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

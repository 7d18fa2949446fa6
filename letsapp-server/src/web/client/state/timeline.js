// The messages of one conversation that are at hand: everything visible from the oldest one loaded to the head, by `seq`.

/**
 * `status` is "empty" until the first page is asked for, then "loading", then "ready", or "failed". `asking` names the page under
 * way; an answer to anything else comes too late.
 */
export const EMPTY = { status: "empty", messages: [], reachedStart: false, asking: null };

export const oldest = (timeline) => timeline.messages[0];

export const newest = (timeline) => timeline.messages.at(-1);

/** Whether every visible message after `seq` is at hand. */
export function covers(timeline, seq) {
  return timeline.status === "ready" && (timeline.reachedStart || oldest(timeline)?.seq <= seq + 1);
}

export function find(timeline, seq) {
  const message = timeline.messages[position(timeline.messages, seq)];
  return message?.seq === seq ? message : undefined;
}

/** A page is being asked for: the first one, or what is older than the oldest at hand. */
export function asked(timeline, asking) {
  return { ...timeline, status: timeline.status === "ready" ? "ready" : "loading", asking };
}

/** The page that was asked for doesn't come. */
export function refused(timeline, asking) {
  if (timeline.asking !== asking) return timeline;
  return timeline.status === "ready" ? { ...timeline, asking: null } : { ...EMPTY, status: "failed" };
}

/** Takes a page of history, newest first. */
export function page(timeline, asking, { items, reachedStart }, me) {
  if (timeline.asking !== asking) return timeline;
  return { status: "ready", messages: merged(timeline.messages, items, me), reachedStart, asking: null };
}

/** Takes a live message, unless it lies where nothing is loaded. */
export function put(timeline, message, me) {
  if (timeline.status === "empty" || timeline.status === "failed") return timeline;
  const older = timeline.status === "ready" && !timeline.reachedStart && message.seq < (oldest(timeline)?.seq ?? 0);
  return older ? timeline : { ...timeline, messages: merged(timeline.messages, [message], me) };
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

// Which changes of a conversation are known: all up to `at`, and, past a hole, those in `ahead`.

export const known = (revs, rev) => rev <= revs.at || revs.ahead.includes(rev);

/** Whether something was missed, when `head` is the newest change known to exist. */
export const holed = (revs, head) => revs.ahead.length > 0 || head > revs.at;

/** One change has come in. */
export function learn(revs, rev) {
  if (known(revs, rev)) return revs;
  return closed(revs.at, [...revs.ahead, rev]);
}

/** Everything up to `at` has come in. */
export function jump(revs, at) {
  if (!revs) return { at, ahead: [] };
  return at > revs.at ? closed(at, revs.ahead) : revs;
}

function closed(at, ahead) {
  const later = ahead.filter((rev) => rev > at).sort((a, b) => a - b);
  while (later[0] === at + 1) at = later.shift();
  return { at, ahead: later };
}

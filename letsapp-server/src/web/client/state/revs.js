// @ts-check
// The change numbers (`rev`) of a conversation that have arrived, and the gaps between them. Pure.
/** @import {Revs} from "../../types/state.d.ts" */

/**
 * @param {Revs} revs
 * @param {number} rev
 */
export const hasRev = (revs, rev) => rev <= revs.upTo || revs.ahead.includes(rev);

/**
 * Tells whether changes are missing. `head` is the newest change that is known to exist.
 * @param {Revs} revs
 * @param {number} head
 */
export const hasGap = (revs, head) => revs.ahead.length > 0 || head > revs.upTo;

/**
 * Adds one change that has arrived.
 * @param {Revs} revs
 * @param {number} rev
 */
export function addRev(revs, rev) {
  if (hasRev(revs, rev)) return revs;
  return joined(revs.upTo, [...revs.ahead, rev]);
}

/**
 * Adds all changes up to `upTo`. Never goes back.
 * @param {Revs | undefined} revs
 * @param {number} upTo
 */
export function advanceTo(revs, upTo) {
  if (!revs) return { upTo, ahead: [] };
  return upTo > revs.upTo ? joined(upTo, revs.ahead) : revs;
}

/**
 * @param {number} upTo
 * @param {number[]} ahead
 * @returns {Revs}
 */
function joined(upTo, ahead) {
  const later = ahead.filter((rev) => rev > upTo).sort((a, b) => a - b);
  while (later[0] === upTo + 1) {
    later.shift();
    upTo++;
  }
  return { upTo, ahead: later };
}

// @ts-check
// Characters as a person counts them, where an emoji of several code points is one. Pure.

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The longest body that is looked at for emoji: a family of four with skin tones is 25 code units. */
const MAX_EMOJI_BODY = 48;

/** @param {string} text */
export const segmentsOf = (text) => graphemes.segment(text);

/** @param {string} text */
export function lengthOf(text) {
  let count = 0;
  for (const _ of segmentsOf(text)) count++;
  return count;
}

/**
 * Tells whether a body consists of at most three emoji, which are then shown large.
 * @param {string} body
 */
export function isEmojiOnly(body) {
  const emoji = /^(\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|[\u200d\ufe0f\u20e3]|\s)+$/u;
  return body.length > 0 && body.length < MAX_EMOJI_BODY && emoji.test(body) && lengthOf(body.replace(/\s/g, "")) <= 3;
}

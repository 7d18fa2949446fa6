// @ts-check
// Loudness of a recording: the level of a moment, and the waveform of the whole. Pure.

/** The points of a waveform, as the server takes it. */
export const POINTS = 64;
/** The level that counts as silence in decibels below the loudest possible sound: the noise of a room. */
const SILENCE_DB = -50;

/**
 * Returns the level of a moment from 0 to 1, as loud as people hear it.
 * @param {ArrayLike<number>} samples each from -1 to 1
 */
export function levelOf(samples) {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += samples[i] * samples[i];
  const decibels = 10 * Math.log10(sum / Math.max(1, samples.length));
  return Math.min(1, Math.max(0, 1 - decibels / SILENCE_DB));
}

/**
 * Returns the waveform of a recording: 64 whole numbers from 0 to 100, the loudest moment of each part.
 * @param {number[]} levels from 0 to 1, at equal distances
 */
export function waveformOf(levels) {
  const loudest = Math.max(0, ...levels);
  return Array.from({ length: POINTS }, (_, i) => {
    const from = Math.floor((i * levels.length) / POINTS);
    // A recording of a few moments has fewer levels than points.
    const to = Math.max(from + 1, Math.floor(((i + 1) * levels.length) / POINTS));
    const peak = Math.max(0, ...levels.slice(from, to));
    return loudest > 0 ? Math.round((100 * peak) / loudest) : 0;
  });
}

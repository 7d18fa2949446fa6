// @ts-check
// The arithmetic of a picture in full view: zooming around a point, moving, swiping. Pure.

/** The scale and the offset from the middle in pixels. @typedef {{scale: number, x: number, y: number}} View */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{width: number, height: number}} Size */

/** @type {View} */
export const WHOLE = { scale: 1, x: 0, y: 0 };

/** The scale that a double click leads to. */
const CLOSE_UP = 2.5;
const LARGEST = 8;
/** The distance in pixels from which a movement across is a swipe to the next picture. */
const SWIPE = 60;

/**
 * Zooms by a factor. What is at `point`, measured from the middle of the frame, stays there.
 * @param {View} view
 * @param {number} factor
 * @param {Size} frame
 * @param {Point} [point]
 * @returns {View}
 */
export function zoomed(view, factor, frame, point = { x: 0, y: 0 }) {
  const scale = Math.min(LARGEST, Math.max(1, view.scale * factor));
  const change = scale / view.scale;
  return within({ scale, x: point.x - (point.x - view.x) * change, y: point.y - (point.y - view.y) * change }, frame);
}

/**
 * Zooms in, or back out where the picture is zoomed already.
 * @param {View} view
 * @param {Size} frame
 * @param {Point} point
 */
export function toggled(view, frame, point) {
  return view.scale > 1 ? WHOLE : zoomed(view, CLOSE_UP, frame, point);
}

/**
 * Moves the picture, as far as its edges.
 * @param {View} view
 * @param {Point} by
 * @param {Size} frame
 * @returns {View}
 */
export function moved(view, by, frame) {
  return within({ ...view, x: view.x + by.x, y: view.y + by.y }, frame);
}

/**
 * Tells how many pictures further a movement of the finger leads: none, one, or one back.
 * @param {Point} by
 * @returns {-1 | 0 | 1}
 */
export function swiped({ x, y }) {
  if (Math.abs(x) < SWIPE || Math.abs(x) < 2 * Math.abs(y)) return 0;
  return x < 0 ? 1 : -1;
}

/**
 * Keeps a zoomed picture over the middle of its frame.
 * @param {View} view
 * @param {Size} frame
 * @returns {View}
 */
function within({ scale, x, y }, { width, height }) {
  if (scale === 1) return WHOLE;
  const [across, down] = [((scale - 1) * width) / 2, ((scale - 1) * height) / 2];
  return { scale, x: Math.min(across, Math.max(-across, x)), y: Math.min(down, Math.max(-down, y)) };
}

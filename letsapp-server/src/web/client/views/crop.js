// @ts-check
// The arithmetic of cutting a square out of a picture. Pure. Lengths are in sides of the square frame, and places from its middle.

/** The size of the picture in pixels. @typedef {{width: number, height: number}} Shape */
/** @typedef {{x: number, y: number}} Point */
/** The scale and the place of the picture's middle. At scale 1 its shorter side fills the frame. @typedef {{scale: number, x: number, y: number}} Cut */

/** @type {Cut} */
export const CENTRE = { scale: 1, x: 0, y: 0 };

/** The largest scale: of a photo of 12 megapixels, the cut then has as many pixels as the server's previews. */
export const LARGEST = 4;

/**
 * Scales the picture. What is at `point` stays there.
 * @param {Cut} cut
 * @param {number} wanted
 * @param {Shape} shape
 * @param {Point} [point]
 * @returns {Cut}
 */
export function scaled(cut, wanted, shape, point = { x: 0, y: 0 }) {
  const scale = Math.min(LARGEST, Math.max(1, wanted));
  const change = scale / cut.scale;
  return within({ scale, x: point.x - (point.x - cut.x) * change, y: point.y - (point.y - cut.y) * change }, shape);
}

/**
 * Moves the picture, as far as it still fills the frame.
 * @param {Cut} cut
 * @param {Point} by
 * @param {Shape} shape
 * @returns {Cut}
 */
export function moved(cut, by, shape) {
  return within({ ...cut, x: cut.x + by.x, y: cut.y + by.y }, shape);
}

/**
 * Returns the size in which the picture is shown.
 * @param {Cut} cut
 * @param {Shape} shape
 */
export function shownSize({ scale }, { width, height }) {
  const shorter = Math.min(width, height);
  return { width: (width / shorter) * scale, height: (height / shorter) * scale };
}

/**
 * Returns the square of the picture that is in the frame, in its pixels.
 * @param {Cut} cut
 * @param {Shape} shape
 */
export function squareOf({ scale, x, y }, { width, height }) {
  const side = Math.min(width, height) / scale;
  return { x: width / 2 - (x + 0.5) * side, y: height / 2 - (y + 0.5) * side, side };
}

/**
 * @param {Cut} cut
 * @param {Shape} shape
 * @returns {Cut}
 */
function within(cut, shape) {
  const { width, height } = shownSize(cut, shape);
  const [across, down] = [(width - 1) / 2, (height - 1) / 2];
  return { scale: cut.scale, x: Math.min(across, Math.max(-across, cut.x)), y: Math.min(down, Math.max(-down, cut.y)) };
}

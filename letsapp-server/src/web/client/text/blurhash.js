// @ts-check
// Blurhash: a picture of a few dozen characters, drawn as a blur while the real one loads (https://blurha.sh). Pure.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/** @typedef {[red: number, green: number, blue: number]} Colour */

/**
 * Draws a blurhash as pixels: red, green, blue and opacity of each, row by row. Null where the text is none.
 * @param {string} text
 * @param {number} width
 * @param {number} height
 */
export function decodeBlurhash(text, width, height) {
  const digits = Array.from(text, (character) => DIGITS.indexOf(character));
  if (digits.length < 6 || digits.includes(-1)) return null;
  const columns = (digits[0] % 9) + 1;
  const rows = Math.floor(digits[0] / 9) + 1;
  if (digits.length !== 4 + 2 * columns * rows) return null;
  const colours = coloursOf(digits, columns * rows);
  const across = waves(columns, width);
  const down = waves(rows, height);

  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sum = [0, 0, 0];
      for (let j = 0; j < rows; j++) {
        for (let i = 0; i < columns; i++) {
          const weight = across[x][i] * down[y][j];
          const colour = colours[i + j * columns];
          sum[0] += colour[0] * weight;
          sum[1] += colour[1] * weight;
          sum[2] += colour[2] * weight;
        }
      }
      pixels.set([...sum.map(encoded), 255], 4 * (x + y * width));
    }
  }
  return pixels;
}

/**
 * Returns the factors of the cosines, as linear light. The first is the average colour.
 * @param {number[]} digits
 * @param {number} count
 */
function coloursOf(digits, count) {
  const strongest = (digits[1] + 1) / 166;
  const average = valueOf(digits.slice(2, 6));
  /** @type {Colour[]} */
  const colours = [[linear(average >> 16), linear((average >> 8) & 255), linear(average & 255)]];
  for (let i = 1; i < count; i++) {
    const value = valueOf(digits.slice(4 + 2 * i, 6 + 2 * i));
    const parts = [Math.floor(value / 361), Math.floor(value / 19) % 19, value % 19];
    const [red, green, blue] = parts.map((part) => signedSquare((part - 9) / 9) * strongest);
    colours.push([red, green, blue]);
  }
  return colours;
}

/**
 * Returns the cosines of each pixel along one side.
 * @param {number} count
 * @param {number} length
 */
function waves(count, length) {
  return Array.from({ length }, (_, at) => Array.from({ length: count }, (_, i) => Math.cos((Math.PI * at * i) / length)));
}

/** @param {number[]} digits */
const valueOf = (digits) => digits.reduce((value, digit) => value * 83 + digit, 0);

/** @param {number} value */
const signedSquare = (value) => Math.sign(value) * value * value;

/**
 * Converts a channel of sRGB to linear light.
 * @param {number} channel from 0 to 255
 */
function linear(channel) {
  const value = channel / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/**
 * Converts linear light to a channel of sRGB.
 * @param {number} light
 */
function encoded(light) {
  const value = Math.max(0, Math.min(1, light));
  return Math.round(255 * (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055));
}

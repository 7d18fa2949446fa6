// @ts-check
// Files as text: sizes, durations, kinds, and the size at which a picture is shown. Pure.
/** @import {Attachment, Id, Media, Message} from "../../types/protocol.d.ts" */

/** @typedef {"picture" | "video" | "audio" | "file"} Family */

/** The largest side of a picture in a message, in pixels of the page. */
const SHOWN_WIDTH = 330;
const SHOWN_HEIGHT = 340;
/** The shortest side: below it a picture is hard to hit. */
const SHORTEST = 96;

/** The beginning of the names of recordings. */
export const VOICE_NAME = "Voice message";

/** @type {[unit: string, bytes: number][]} */
const UNITS = [
  ["GB", 2 ** 30],
  ["MB", 2 ** 20],
  ["KB", 2 ** 10],
];

/** Pictures that browsers draw without a preview of the server. */
const DRAWABLE = new Set(["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp"]);

/**
 * Tells as which kind of file an attachment is shown. A picture that neither the server nor the browser can draw is a file.
 * @param {Pick<Attachment, "content_type" | "thumbnail">} attachment
 * @returns {Family}
 */
export function familyOf({ content_type, thumbnail }) {
  const [family] = content_type.split("/");
  if (family === "image") return thumbnail || DRAWABLE.has(content_type) ? "picture" : "file";
  return family === "video" || family === "audio" ? family : "file";
}

/**
 * Returns an attachment with what was learnt of the file since its message was made.
 * @param {Attachment} attachment
 * @param {Media | null | undefined} media
 * @returns {Attachment}
 */
export function withFacts(attachment, media) {
  if (!media) return attachment;
  const { width, height, duration, waveform, thumbnail, size } = media;
  const known = Object.entries({ width, height, duration, waveform, thumbnail }).filter(([, fact]) => fact !== undefined);
  return { ...attachment, size, ...Object.fromEntries(known) };
}

/**
 * Tells whether a sound is a recording that was made here, by its name.
 * @param {string} name
 */
export const isVoice = (name) => name.startsWith(`${VOICE_NAME}.`);

/**
 * Returns the pictures of messages in their order, each once: one that is forwarded back is the same file.
 * @param {Pick<Message, "attachments">[]} messages
 * @param {Record<Id, Media | null>} known
 * @returns {Attachment[]}
 */
export function picturesIn(messages, known) {
  const files = messages.flatMap(({ attachments = [] }) => attachments.map((file) => withFacts(file, known[file.id])));
  const pictures = files.filter((file) => familyOf(file) === "picture");
  return pictures.filter(({ id }, i) => pictures.findIndex((other) => other.id === id) === i);
}

/**
 * Returns a number of bytes as people write it.
 * @param {number} bytes
 */
export function sizeText(bytes) {
  const [unit, factor] = UNITS.find(([, factor]) => bytes >= factor) ?? ["bytes", 1];
  if (factor === 1) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const value = bytes / factor;
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ${unit}`;
}

/**
 * Returns a duration as a player shows it.
 * @param {number} seconds
 */
export function durationText(seconds) {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.round(seconds)) : 0;
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/**
 * Returns the ending of a file's name in capitals, for its icon; empty where it has none or a long one.
 * @param {string} name
 */
export function endingOf(name) {
  const [, ending = ""] = /[^.]\.([\p{L}\p{N}]{1,5})$/u.exec(name) ?? [];
  return ending.toUpperCase();
}

/**
 * Returns the files of a message in a few words.
 * @param {Pick<Attachment, "content_type" | "file_name" | "thumbnail">[]} attachments
 */
export function filesText(attachments) {
  const families = new Set(attachments.map(familyOf));
  const [first] = attachments;
  const [count, same] = [attachments.length, families.size === 1];
  if (!first) return "";
  const family = familyOf(first);
  const sound = isVoice(first.file_name) ? VOICE_NAME : "Audio";
  if (count === 1) return { picture: "Photo", video: "Video", audio: sound, file: first.file_name }[family];
  const words = { picture: "photos", video: "videos", audio: "audio files", file: "files" };
  return `${count} ${same ? words[family] : "files"}`;
}

/**
 * Returns the size in which a picture is shown in a message, before it has loaded. Without dimensions it gets a square.
 * @param {{width?: number, height?: number, thumbnail?: {width: number, height: number}}} picture
 */
export function shownSize({ width, height, thumbnail }) {
  const [across, down] = [width ?? thumbnail?.width ?? 240, height ?? thumbnail?.height ?? 240];
  const scale = Math.min(1, SHOWN_WIDTH / across, SHOWN_HEIGHT / down);
  const within = (/** @type {number} */ side) => Math.max(SHORTEST, Math.round(side * scale));
  return { width: within(across), height: within(down) };
}

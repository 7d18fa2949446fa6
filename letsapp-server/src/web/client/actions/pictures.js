// @ts-check
// Pictures of people and groups: cutting a square out of a picked one, and uploading it.
/** @import {Id, Media} from "../../types/protocol.d.ts" */
/** @import {Action, State} from "../../types/state.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Store} from "../state/store.js" */
import { uuidv7 } from "../net/ids.js";

/** The side in pixels, that of the server's previews: no picture of a person is shown larger. */
const SIDE = 640;
const TYPE = "image/jpeg";
const QUALITY = 0.9;
/** The time after which a picture is set before the server has made its preview. */
const PREVIEW_MS = 5_000;

/** @typedef {{signal: AbortSignal, onProgress: (part: number) => void}} Options */

export class Pictures {
  #store;
  #api;
  #wait;

  /**
   * @param {object} parts
   * @param {Store<State, Action>} parts.store
   * @param {Pick<Api, "upload" | "deleteMedia">} parts.api
   * @param {(ms: number) => Promise<void>} [parts.wait]
   */
  constructor({ store, api, wait = (ms) => new Promise((resume) => setTimeout(resume, ms)) }) {
    this.#store = store;
    this.#api = api;
    this.#wait = wait;
  }

  /**
   * Uploads a picture and sets it with `use`. One that can’t be set is removed again.
   * @param {Blob} picture
   * @param {(id: Id) => Promise<unknown>} use
   * @param {Options} options
   */
  async set(picture, use, options) {
    const id = uuidv7();
    const form = new FormData();
    form.set("id", id);
    form.set("file", picture, "picture.jpg");
    const media = await this.#api.upload(form, options);
    try {
      // Others ask for the preview as soon as they hear of the picture.
      await this.#previewOf(media);
      options.signal.throwIfAborted();
      await use(id);
    } catch (problem) {
      this.#api.deleteMedia(id).catch(() => {});
      throw problem;
    }
  }

  /** @param {Media} media */
  async #previewOf(media) {
    if (media.status === "ready") return;
    const isReady = (/** @type {State} */ state) => state.media[media.id]?.status === "ready";
    /** @type {() => void} */
    let stop = () => {};
    const ready = new Promise((resolve) => {
      stop = this.#store.subscribe((state) => isReady(state) && resolve(undefined));
      if (isReady(this.#store.state)) resolve(undefined);
    });
    await Promise.race([ready, this.#wait(PREVIEW_MS)]);
    stop();
  }
}

/**
 * Draws a square of a picture, in the size in which it is uploaded.
 * @param {HTMLImageElement} picture
 * @param {{x: number, y: number, side: number}} square in pixels of the picture
 * @returns {Promise<Blob>}
 */
export async function drawSquare(picture, { x, y, side }) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.max(1, Math.min(SIDE, Math.round(side)));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser can’t draw pictures.");
  // JPEG has no transparency, and would make it black.
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, x, y, side, side, 0, 0, canvas.width, canvas.height);
  /** @type {Blob | null} */
  const drawn = await new Promise((resolve) => canvas.toBlob(resolve, TYPE, QUALITY));
  if (!drawn) throw new Error("This browser can’t draw pictures.");
  return drawn;
}

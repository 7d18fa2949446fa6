// @ts-check
// A video in a message, with the browser's own controls. One that the browser can't play is a file.
/** @import {Attachment} from "../../types/protocol.d.ts" */
/** @import {KeyEvent, On} from "../../types/views.d.ts" */
/** @import {Children, Ref} from "../vendor/htm-preact.js" */
import { shownSize } from "../text/files.js";
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { Blur, useLink, useNearness } from "./picture.js";

/** The moment whose picture a video without a preview shows: phones show none unless the address names one. */
const STILL = "#t=0.1";

/** @param {{file: Attachment, fallback: Children}} props `fallback`: shown in place of a video that can’t be played */
export function Video({ file, fallback }) {
  const { file_name, thumbnail } = file;
  /** @type {Ref<HTMLElement>} */
  const frame = useRef(null);
  const near = useNearness(frame);
  const { address, failed, retry } = useLink(file, "original", near);
  const preview = useLink(file, "thumbnail", near && thumbnail !== undefined);
  /** Null until its metadata are loaded. */
  const [found, setFound] = useState(/** @type {{width: number, height: number} | null} */ (null));
  if (failed) return fallback;
  // Until the dimensions are known, those that most videos have.
  const { width, height } = shownSize(thumbnail || file.width ? file : (found ?? { width: 320, height: 180 }));
  const onLoadedMetadata = (/** @type {On<Event, HTMLVideoElement>} */ { currentTarget: { videoWidth, videoHeight } }) =>
    setFound({ width: videoWidth || 320, height: videoHeight || 180 });
  // Space and arrows belong to the controls, not to the list of messages.
  const keep = (/** @type {KeyEvent} */ event) => event.stopPropagation();
  return html`<div ref=${frame} class="video" style=${{ width: `${Math.max(width, 220)}px`, "aspect-ratio": `${width} / ${height}` }} data-testid="video">
    ${thumbnail && !found && html`<${Blur} hash=${thumbnail.blurhash} />`}
    ${
      address &&
      html`<video
        src=${thumbnail ? address : `${address}${STILL}`} poster=${preview.address ?? undefined} controls playsinline preload="metadata" aria-label=${`Video: ${file_name}`}
        onLoadedMetadata=${onLoadedMetadata} onError=${retry} onKeyDown=${keep}
      ></video>`
    }
  </div>`;
}

// @ts-check
// A picture of a message: its blur in the right size at once, then its preview.
/** @import {Attachment, Variant} from "../../types/protocol.d.ts" */
/** @import {Ref} from "../vendor/htm-preact.js" */
import { decodeBlurhash } from "../text/blurhash.js";
import { shownSize } from "../text/files.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { useClient, useSelected } from "./hooks.js";

/** The side of the drawn blur in pixels. The browser stretches it, which no eye can tell from a larger one. */
const BLUR_SIDE = 24;
/** The distance from the window within which pictures are loaded. */
const NEAR = "400px";

/**
 * A picture in a message. A click shows it in full.
 * @param {{file: Attachment, alone: boolean, onOpen?: () => void}} props `alone`: it is drawn in its own proportions
 */
export function Picture({ file, alone, onOpen }) {
  const { file_name, thumbnail } = file;
  /** @type {Ref<HTMLElement>} */
  const frame = useRef(null);
  const near = useNearness(frame);
  const media = useMedia(file);
  // The original may be large: it is loaded only where there will be no preview.
  const unready = !thumbnail && (media === undefined || media?.status === "processing");
  const { address, failed, retry } = useLink(file, thumbnail ? "thumbnail" : "original", near && !unready);
  const [drawn, setDrawn] = useState(false);
  const { width, height } = shownSize(file);
  const style = alone ? { width: `${width}px`, "aspect-ratio": `${width} / ${height}` } : undefined;
  return html`<button
    ref=${frame} type="button" class="picture" style=${style} aria-label=${`Photo: ${file_name}`} data-testid="picture" data-drawn=${drawn}
    onClick=${onOpen}
  >
    ${thumbnail && !drawn && html`<${Blur} hash=${thumbnail.blurhash} />`}
    ${address && html`<img src=${address} alt="" draggable=${false} class=${drawn ? "drawn" : ""} onLoad=${() => setDrawn(true)} onError=${retry} />`}
    ${failed && html`<span class="picture-failed">The picture could not be loaded.</span>`}
  </button>`;
}

/**
 * The blurred placeholder.
 * @param {{hash: string}} props
 */
export function Blur({ hash }) {
  /** @type {Ref<HTMLCanvasElement>} */
  const canvas = useRef(null);
  useLayoutEffect(() => {
    const pixels = decodeBlurhash(hash, BLUR_SIDE, BLUR_SIDE);
    if (pixels) canvas.current.getContext("2d")?.putImageData(new ImageData(pixels, BLUR_SIDE, BLUR_SIDE), 0, 0);
  }, [hash]);
  return html`<canvas ref=${canvas} class="blur" width=${BLUR_SIDE} height=${BLUR_SIDE} aria-hidden="true"></canvas>`;
}

/**
 * Returns what is known of a picture, and asks for it where its preview was not made when its message was.
 * @param {Attachment} file
 */
function useMedia({ id, thumbnail }) {
  const client = useClient();
  useEffect(() => {
    if (!thumbnail) client.files.load(id);
  }, [client, id, thumbnail]);
  return useSelected((state) => state.media[id]);
}

/**
 * Returns the address of a file once it is wanted. `retry` asks for a new one, once: the link may have expired.
 * @param {Pick<Attachment, "id">} file
 * @param {Variant} variant
 * @param {boolean} wanted
 */
export function useLink({ id }, variant, wanted) {
  const client = useClient();
  const [address, setAddress] = useState(/** @type {string | null} */ (null));
  const [failed, setFailed] = useState(false);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!wanted) return;
    let current = true;
    setFailed(false);
    client.files.link(id, variant).then(
      (link) => current && setAddress(link),
      () => current && setFailed(true),
    );
    return () => (current = false);
  }, [client, id, variant, wanted, turn]);
  const retry = () => {
    if (turn > 0) return setFailed(true);
    client.files.forgetLink(id, variant);
    setAddress(null);
    setTurn(1);
  };
  return { address, failed, retry };
}

/**
 * Tells whether an element is, or has been, in the window or near it.
 * @param {Ref<HTMLElement>} element
 */
export function useNearness(element) {
  const [near, setNear] = useState(false);
  useEffect(() => {
    if (near) return;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && setNear(true), {
      rootMargin: NEAR,
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [near]);
  return near;
}

// @ts-check
// The dialog in which a square is cut out of a picture: by dragging, wheel, pinch, slider and keys.
/** @import {KeyEvent, On} from "../../types/views.d.ts" */
/** @import {Children, Ref} from "../vendor/htm-preact.js" */
/** @import {Options} from "../actions/pictures.js" */
/** @import {Cut, Point, Shape} from "./crop.js" */
import { drawSquare } from "../actions/pictures.js";
import { explain } from "../text/problems.js";
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { CENTRE, LARGEST, moved, scaled, shownSize, squareOf } from "./crop.js";
import { Dialog, IconButton, Spinner } from "./elements.js";

/** The factor of a step of the zoom keys and buttons. */
const ZOOM_STEP = 1.2;
/** The part of the frame that an arrow key moves the picture by, and with Shift. */
const MOVE_STEP = 0.02;
const LONG_MOVE_STEP = 0.1;
/** Zoom per pixel that the wheel turns. */
const WHEEL = 0.0015;
const UNREADABLE = "This file can’t be read as a picture here. JPEG, PNG and WebP always can.";

/**
 * @param {object} props
 * @param {File} props.file
 * @param {"person" | "group"} props.kind decides about the shape of the frame
 * @param {(picture: Blob, options: Options) => Promise<unknown>} props.onSave uploads the cut picture
 * @param {() => void} props.onClose
 */
export function CropDialog({ file, kind, onSave, onClose }) {
  const address = useAddress(file);
  /** Null until the picture has loaded. */
  const [shape, setShape] = useState(/** @type {Shape | null} */ (null));
  const [cut, setCut] = useState(CENTRE);
  const [progress, setProgress] = useState(/** @type {number | null} */ (null));
  const [fault, setFault] = useState(/** @type {string | null} */ (null));
  /** @type {Ref<HTMLImageElement>} */
  const picture = useRef(null);
  const upload = useUpload();
  const busy = progress !== null;
  const close = () => {
    upload.current.abort();
    onClose();
  };
  const save = async () => {
    if (!shape) return;
    setFault(null);
    setProgress(0);
    try {
      const square = await drawSquare(picture.current, squareOf(cut, shape));
      await onSave(square, { signal: upload.current.signal, onProgress: setProgress });
      onClose();
    } catch (problem) {
      if (upload.current.signal.aborted) return;
      setFault(explain(problem, { forbidden: "You may not change this picture." }));
      setProgress(null);
    }
  };
  const onLoad = () => setShape({ width: picture.current.naturalWidth, height: picture.current.naturalHeight });
  const zoom = (/** @type {number} */ scale) => shape && setCut((held) => scaled(held, scale, shape));
  const onSlide = (/** @type {On<InputEvent, HTMLInputElement>} */ event) => zoom(Number(event.currentTarget.value));
  return html`<${Dialog} title="Crop the picture" testid="crop-dialog" onClose=${close}>
    <${Stage} shape=${shape} cut=${cut} kind=${kind} loading=${!shape && !fault} onCut=${setCut} disabled=${busy}>
      <img
        ref=${picture} src=${address} alt="" draggable=${false} class="crop-picture" style=${styleOf(cut, shape)} data-testid="crop-picture"
        data-drawn=${shape !== null} onLoad=${onLoad} onError=${() => setFault(UNREADABLE)}
      />
    <//>
    <div class="crop-zoom">
      <${IconButton} icon="zoom-out" label="Smaller" disabled=${busy || !shape || cut.scale === 1} onClick=${() => zoom(cut.scale / ZOOM_STEP)} />
      <input
        type="range" class="slider" min="1" max=${LARGEST} step="0.01" value=${cut.scale} aria-label="Zoom" data-testid="crop-zoom"
        aria-valuetext=${`${Math.round(cut.scale * 100)} %`} disabled=${busy || !shape} onInput=${onSlide}
      />
      <${IconButton} icon="zoom-in" label="Larger" disabled=${busy || !shape || cut.scale === LARGEST} onClick=${() => zoom(cut.scale * ZOOM_STEP)} />
    </div>
    ${fault && html`<p class="fault" role="alert" data-testid="crop-fault">${fault}</p>`}
    ${busy && html`<progress class="upload-progress" max="1" value=${progress} aria-label="Uploading the picture"></progress>`}
    <footer class="dialog-foot">
      <button type="button" class="button quiet" data-testid="crop-cancel" onClick=${close}>Cancel</button>
      <button type="button" class="button" data-testid="crop-save" disabled=${busy || !shape} onClick=${save}>${busy ? "One moment…" : "Use this picture"}</button>
    </footer>
  <//>`;
}

/**
 * The picture behind its frame, and what fingers, mouse and keys do with it.
 * @param {object} props
 * @param {Shape | null} props.shape
 * @param {Cut} props.cut
 * @param {"person" | "group"} props.kind
 * @param {boolean} props.loading
 * @param {boolean} props.disabled
 * @param {(cut: Cut) => void} props.onCut
 * @param {Children} props.children
 */
function Stage({ shape, cut, kind, loading, disabled, onCut, children }) {
  /** @type {Ref<HTMLElement>} */
  const frame = useRef(null);
  const active = shape && !disabled ? shape : null;
  const handlers = useGestures(frame, active, cut, onCut);
  return html`<div
    class="crop-stage ${active ? "" : "still"}" role="group" tabindex="0" autofocus aria-describedby="crop-hint" data-testid="crop-stage"
    data-cut=${JSON.stringify(shape && squareOf(cut, shape))} aria-label="The part of the picture to use" ...${handlers}
  >
    <div ref=${frame} class="crop-frame">${children}<span class="crop-mask ${kind}"></span></div>
    ${loading && html`<${Spinner} label="Loading the picture" />`}
  </div>
  <p id="crop-hint" class="hint crop-hint">
    <span class="by-keys">Move by dragging or with the arrow keys, zoom by the wheel or with + and −.</span>
    <span class="by-touch">Drag to move, pinch to zoom.</span>
  </p>`;
}

/**
 * @param {Ref<HTMLElement>} frame
 * @param {Shape | null} shape null while nothing can be changed
 * @param {Cut} cut
 * @param {(cut: Cut) => void} onCut
 */
function useGestures(frame, shape, cut, onCut) {
  /** Fingers that touch the stage. @type {Ref<Map<number, Point>>} */
  const fingers = useRef(new Map());
  const latest = useRef({ cut, shape });
  latest.current = { cut, shape };
  const show = (/** @type {Cut} */ next) => {
    latest.current.cut = next;
    onCut(next);
  };
  const spot = (/** @type {{clientX: number, clientY: number}} */ { clientX, clientY }) => {
    const { left, top, width } = frame.current.getBoundingClientRect();
    return { x: (clientX - left) / width - 0.5, y: (clientY - top) / width - 0.5 };
  };
  // Preact adds wheel handlers as passive ones, which can't keep the dialog from scrolling.
  useEffect(() => {
    const stage = /** @type {HTMLElement} */ (frame.current.parentElement);
    const onWheel = (/** @type {WheelEvent} */ event) => {
      event.preventDefault();
      const held = latest.current;
      if (held.shape) show(scaled(held.cut, held.cut.scale * Math.exp(-event.deltaY * WHEEL), held.shape, spot(event)));
    };
    stage.addEventListener("wheel", onWheel, { passive: false });
    return () => stage.removeEventListener("wheel", onWheel);
  }, []);

  const onPointerDown = (/** @type {PointerEvent} */ event) => {
    fingers.current.set(event.pointerId, spot(event));
    /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
  };
  const onPointerMove = (/** @type {PointerEvent} */ event) => {
    const before = fingers.current.get(event.pointerId);
    if (!before || !shape) return;
    const now = spot(event);
    fingers.current.set(event.pointerId, now);
    const other = [...fingers.current].find(([id]) => id !== event.pointerId)?.[1];
    const held = latest.current.cut;
    if (!other) return show(moved(held, { x: now.x - before.x, y: now.y - before.y }, shape));
    const factor = distance(now, other) / Math.max(0.01, distance(before, other));
    show(scaled(held, held.scale * factor, shape, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }));
  };
  const onPointerUp = (/** @type {PointerEvent} */ event) => void fingers.current.delete(event.pointerId);
  const onKeyDown = (/** @type {KeyEvent} */ event) => {
    if (!shape || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = keyed(cut, shape, event);
    if (!next) return;
    event.preventDefault();
    show(next);
  };
  return { onPointerDown, onPointerMove, onPointerUp, onPointerCancel: onPointerUp, onKeyDown };
}

/**
 * Returns the cut that a key leads to. The arrow keys move the frame over the picture, so the picture goes the other way.
 * @param {Cut} cut
 * @param {Shape} shape
 * @param {KeyEvent} event
 */
function keyed(cut, shape, { key, shiftKey }) {
  const step = shiftKey ? LONG_MOVE_STEP : MOVE_STEP;
  /** @type {Record<string, () => Cut>} */
  const keys = {
    ArrowLeft: () => moved(cut, { x: step, y: 0 }, shape),
    ArrowRight: () => moved(cut, { x: -step, y: 0 }, shape),
    ArrowUp: () => moved(cut, { x: 0, y: step }, shape),
    ArrowDown: () => moved(cut, { x: 0, y: -step }, shape),
    "+": () => scaled(cut, cut.scale * ZOOM_STEP, shape),
    "=": () => scaled(cut, cut.scale * ZOOM_STEP, shape),
    "-": () => scaled(cut, cut.scale / ZOOM_STEP, shape),
    0: () => CENTRE,
  };
  return keys[key]?.();
}

/**
 * @param {Cut} cut
 * @param {Shape | null} shape
 */
function styleOf(cut, shape) {
  if (!shape) return { visibility: "hidden" };
  const { width, height } = shownSize(cut, shape);
  return { width: `${width * 100}%`, height: `${height * 100}%`, left: `${(cut.x + 0.5) * 100}%`, top: `${(cut.y + 0.5) * 100}%` };
}

/**
 * Returns the address at which the page reads a picked file.
 * @param {File} file
 */
function useAddress(file) {
  const [address, setAddress] = useState(/** @type {string | undefined} */ (undefined));
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return address;
}

/** Returns the controller of the upload, which ends with the dialog. */
function useUpload() {
  const controller = useRef(/** @type {AbortController} */ (/** @type {unknown} */ (null)));
  controller.current ??= new AbortController();
  useEffect(() => () => controller.current.abort(), []);
  return controller;
}

/**
 * @param {Point} a
 * @param {Point} b
 */
const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

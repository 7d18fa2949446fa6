// @ts-check
// Pictures in full view: a dialog that fills the window, with zoom and the way to the next picture.
/** @import {Attachment, Id} from "../../types/protocol.d.ts" */
/** @import {ClickEvent, KeyEvent} from "../../types/views.d.ts" */
/** @import {Ref} from "../vendor/htm-preact.js" */
/** @import {Point, View} from "./zoom.js" */
import { sizeText } from "../text/files.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { IconButton, Spinner, useReturnFocus } from "./elements.js";
import { useClient } from "./hooks.js";
import { Blur, useLink } from "./picture.js";
import { save } from "./save.js";
import { moved, swiped, toggled, WHOLE, zoomed } from "./zoom.js";

/** The factor of a step of the zoom keys and buttons. */
const STEP = 1.5;
/** The distance in pixels below which a movement is a click. */
const STILL = 8;
/** Zoom per pixel that the wheel turns. */
const WHEEL = 0.0025;

/**
 * The pictures of a chat in full view, beginning with one of them.
 * @param {{files: Attachment[], start: Id, onClose(): void}} props
 */
export function Viewer({ files, start, onClose }) {
  const client = useClient();
  const [at, setAt] = useState(start);
  const [view, setView] = useState(WHOLE);
  /** @type {Ref<HTMLDialogElement>} */
  const dialog = useRef(null);
  useReturnFocus();
  useLayoutEffect(() => dialog.current.showModal(), []);

  // Pictures may have come or gone since the viewer was opened.
  const index = Math.max(
    0,
    files.findIndex(({ id }) => id === at),
  );
  const file = files[index];
  const go = (/** @type {number} */ step) => {
    const next = files[index + step];
    if (!next) return;
    setAt(next.id);
    setView(WHOLE);
  };
  const zoom = (/** @type {number} */ factor) => setView((held) => zoomed(held, factor, sizeOf(dialog.current)));
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: () => go(-1),
    ArrowRight: () => go(1),
    Home: () => go(-index),
    End: () => go(files.length - 1 - index),
    "+": () => zoom(STEP),
    "=": () => zoom(STEP),
    "-": () => zoom(1 / STEP),
    0: () => setView(WHOLE),
  };
  const onKeyDown = (/** @type {KeyEvent} */ event) => {
    // The list that the viewer is drawn in would handle its keys too.
    event.stopPropagation();
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };
  const keep = (/** @type {ClickEvent} */ event) => event.stopPropagation();
  if (!file) return null;
  const { file_name, size } = file;
  const download = () => client.attempt(() => save(client, file));
  return html`<dialog
    ref=${dialog} class="viewer" aria-label=${`Photo: ${file_name}`} data-testid="viewer" data-scale=${view.scale} data-file-name=${file_name}
    onClose=${onClose} onKeyDown=${onKeyDown} onClick=${keep}
  >
    <${Stage} key=${file.id} file=${file} view=${view} onView=${setView} onSwipe=${go} onLeave=${onClose} />
    <header class="viewer-head">
      <span class="file-text"><span class="file-name" dir="auto">${file_name}</span><span class="file-size">
        ${files.length > 1 && html`<span role="status">${index + 1} of ${files.length}</span> · `}${sizeText(size)}
      </span></span>
      <${IconButton} icon="zoom-out" label="Smaller" testid="zoom-out" disabled=${view.scale === 1} onClick=${() => zoom(1 / STEP)} />
      <${IconButton} icon="zoom-in" label="Larger" testid="zoom-in" onClick=${() => zoom(STEP)} />
      <${IconButton} icon="download" label="Download" testid="viewer-download" onClick=${download} />
      <${IconButton} icon="close" label="Close" testid="viewer-close" autofocus onClick=${onClose} />
    </header>
    ${index > 0 && html`<${IconButton} icon="left" label="Previous photo" testid="previous" className="viewer-step previous" onClick=${() => go(-1)} />`}
    ${index < files.length - 1 && html`<${IconButton} icon="right" label="Next photo" testid="next" className="viewer-step next" onClick=${() => go(1)} />`}
  </dialog>`;
}

/**
 * A picture and what fingers and mouse do with it. Until it has loaded, its preview is shown.
 * @param {{file: Attachment, view: View, onView(view: View): void, onSwipe(step: number): void, onLeave(): void}} props
 */
function Stage({ file, view, onView, onSwipe, onLeave }) {
  const { file_name, thumbnail } = file;
  const original = useLink(file, "original", true);
  const preview = useLink(file, "thumbnail", thumbnail !== undefined);
  const [drawn, setDrawn] = useState(false);
  /** @type {Ref<HTMLElement>} */
  const stage = useRef(null);
  const gestures = useGestures(stage, view, { onView, onSwipe });
  // A click beside the picture, as beside a dialog.
  const onClick = () => gestures.isClickBeside() && onLeave();
  const { width, height } = file;
  const box = width && height ? { "aspect-ratio": `${width} / ${height}`, width: `min(100vw, ${width}px, 100dvh * ${width / height})` } : undefined;
  const style = { ...box, transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` };
  return html`<div ref=${stage} class="viewer-stage ${view.scale > 1 ? "zoomed" : ""}" onClick=${onClick} ...${gestures.handlers}>
    <div class="viewer-picture" style=${style}>
      ${!drawn && thumbnail && html`<${Blur} hash=${thumbnail.blurhash} />`}
      ${!drawn && preview.address && html`<img src=${preview.address} alt="" draggable=${false} />`}
      ${
        original.address &&
        html`<img
          src=${original.address} alt=${file_name} draggable=${false} data-testid="viewer-picture" data-drawn=${drawn}
          onLoad=${() => setDrawn(true)} onError=${original.retry}
        />`
      }
    </div>
    ${!drawn && !original.failed && html`<${Spinner} label="Loading the picture" />`}
    ${original.failed && html`<p class="viewer-failed" role="alert">The picture could not be loaded.</p>`}
  </div>`;
}

/**
 * Follows wheel, double click, drags, pinches and swipes.
 * @param {Ref<HTMLElement>} stage
 * @param {View} view
 * @param {{onView(view: View): void, onSwipe(step: number): void}} reactions
 */
function useGestures(stage, view, { onView, onSwipe }) {
  /** Fingers that touch the screen. @type {Ref<Map<number, Point>>} */
  const fingers = useRef(new Map());
  const path = useRef({ x: 0, y: 0 });
  /** The element that was pressed: a click has the one that captured the pointer. @type {Ref<EventTarget | null>} */
  const pressed = useRef(/** @type {any} */ (null));
  const latest = useRef(view);
  latest.current = view;
  const show = (/** @type {View} */ next) => {
    latest.current = next;
    onView(next);
  };
  const spot = (/** @type {{clientX: number, clientY: number}} */ { clientX, clientY }) => {
    const { left, top, width, height } = stage.current.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  };
  // Preact adds wheel handlers as passive ones, which can't keep the page from zooming.
  useEffect(() => {
    const element = stage.current;
    const onWheel = (/** @type {WheelEvent} */ event) => {
      event.preventDefault();
      show(zoomed(latest.current, Math.exp(-event.deltaY * WHEEL), sizeOf(element), spot(event)));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);

  const onPointerDown = (/** @type {PointerEvent} */ event) => {
    if (fingers.current.size === 0) path.current = { x: 0, y: 0 };
    fingers.current.set(event.pointerId, spot(event));
    pressed.current = event.target;
    /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
  };
  const onPointerMove = (/** @type {PointerEvent} */ event) => {
    const before = fingers.current.get(event.pointerId);
    if (!before) return;
    const now = spot(event);
    fingers.current.set(event.pointerId, now);
    const by = { x: now.x - before.x, y: now.y - before.y };
    const frame = sizeOf(stage.current);
    const other = [...fingers.current].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const factor = distance(now, other) / Math.max(1, distance(before, other));
      // Lifting the fingers one by one must not count as a swipe.
      path.current = { x: 0, y: Infinity };
      return show(zoomed(latest.current, factor, frame, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }));
    }
    path.current = { x: path.current.x + by.x, y: path.current.y + by.y };
    if (latest.current.scale > 1) show(moved(latest.current, by, frame));
  };
  const onPointerUp = (/** @type {PointerEvent} */ event) => {
    if (!fingers.current.delete(event.pointerId) || fingers.current.size > 0) return;
    const step = latest.current.scale === 1 ? swiped(path.current) : 0;
    if (step !== 0) onSwipe(step);
  };
  const onPointerCancel = (/** @type {PointerEvent} */ event) => void fingers.current.delete(event.pointerId);
  const onDblClick = (/** @type {MouseEvent} */ event) => show(toggled(latest.current, sizeOf(stage.current), spot(event)));
  return {
    handlers: { onPointerDown, onPointerMove, onPointerUp, onPointerCancel, onDblClick },
    isClickBeside: () => pressed.current === stage.current && Math.hypot(path.current.x, path.current.y) < STILL,
  };
}

/** @param {HTMLElement} element */
const sizeOf = ({ clientWidth: width, clientHeight: height }) => ({ width, height });

/**
 * @param {Point} a
 * @param {Point} b
 */
const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

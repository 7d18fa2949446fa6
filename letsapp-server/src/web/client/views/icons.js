// @ts-check
// The icons as drawings of 24 by 24 units (ticks: 18 by 12). They are part of the script, so that they are there without a network
// too.
/** @import {VNode} from "../vendor/htm-preact.js" */
import { html } from "../vendor/htm-preact.js";

const WIDE = "0 0 18 12";
const SQUARE = "0 0 24 24";

/** @type {Record<string, () => VNode>} */
const DRAWINGS = {
  camera: () =>
    html`<path d="M4 8.8a2 2 0 0 1 2-2h1.6l1.1-1.7a1.3 1.3 0 0 1 1.1-.6h4.4c.4 0 .8.2 1.1.6l1.1 1.7H18a2 2 0 0 1 2 2v8.4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2z"/><circle cx="12" cy="12.8" r="3.4"/>`,
  send: () =>
    html`<path d="M4.5 12 3.4 4.7c-.1-.8.7-1.4 1.4-1L20.2 11c.8.4.8 1.6 0 2L4.8 20.3c-.7.4-1.5-.2-1.4-1z"/><path d="M4.5 12H12"/>`,
  attach: () =>
    html`<path d="m19 11.5-7.4 7.3a4.6 4.6 0 0 1-6.5-6.5l7.7-7.6a3.1 3.1 0 0 1 4.4 4.4l-7.6 7.5a1.5 1.5 0 0 1-2.2-2.1l6.9-6.8"/>`,
  file: () =>
    html`<path d="M13.5 3.5H7.8a2 2 0 0 0-2 2v13a2 2 0 0 0 2 2h8.4a2 2 0 0 0 2-2V8.2zM13.5 3.5v3.2a1.5 1.5 0 0 0 1.5 1.5h3.2"/>`,
  download: () => html`<path d="M12 4.5v10.5m-4.5-4.3L12 15l4.5-4.3M5 19.5h14"/>`,
  search: () => html`<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4 4"/>`,
  plus: () => html`<path d="M12 5v14M5 12h14"/>`,
  back: () => html`<path d="M19 12H5m6-6.5L4.5 12l6.5 6.5"/>`,
  down: () => html`<path d="M12 5v14m-6.5-6 6.5 6.5 6.5-6.5"/>`,
  microphone: () => html`<rect x="9" y="3.5" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v2.8"/>`,
  play: () => html`<path d="M8 5.6v12.8c0 .7.8 1.1 1.3.7l9.6-6.4a.9.9 0 0 0 0-1.4L9.3 4.9C8.8 4.5 8 4.9 8 5.6z"/>`,
  pause: () => html`<rect x="6.5" y="5" width="3.6" height="14" rx="1.2"/><rect x="13.9" y="5" width="3.6" height="14" rx="1.2"/>`,
  left: () => html`<path d="M14.5 5.5 8 12l6.5 6.5"/>`,
  right: () => html`<path d="M9.5 5.5 16 12l-6.5 6.5"/>`,
  "zoom-in": () => html`<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4 4M11 8v6m-3-3h6"/>`,
  "zoom-out": () => html`<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4 4M8 11h6"/>`,
  close: () => html`<path d="m6 6 12 12M18 6 6 18"/>`,
  check: () => html`<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
  tick: () => html`<path d="m4.5 6.5 3.2 3.2 7-7.5"/>`,
  ticks: () => html`<path d="m1.5 6.5 3.2 3.2 7-7.5M8.4 9.3l.4.4 7.2-7.5"/>`,
  clock: () => html`<circle cx="12" cy="12" r="8"/><path d="M12 7.5V12l3 2"/>`,
  alert: () => html`<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5v5.2m0 3.2v.1"/>`,
  smile: () => html`<circle cx="12" cy="12" r="8.5"/><path d="M8.5 14.2c.8 1.2 2 1.9 3.5 1.9s2.7-.7 3.5-1.9M9 9.5v.6m6-.6v.6"/>`,
  pencil: () =>
    html`<path d="m4.5 19.5.8-4L16.2 4.6a1.8 1.8 0 0 1 2.5 0l.7.7a1.8 1.8 0 0 1 0 2.5L8.5 18.7z"/><path d="m14 7 3 3"/>`,
  trash: () =>
    html`<path d="M4.5 7h15M9.5 7V5.5A1.5 1.5 0 0 1 11 4h2a1.5 1.5 0 0 1 1.5 1.5V7m3 0-.7 11a2 2 0 0 1-2 1.9H9.2a2 2 0 0 1-2-1.9L6.5 7m4 4v5m3-5v5"/>`,
  retry: () => html`<path d="M19 12a7 7 0 1 1-2.2-5.1M19 4.5V8h-3.5"/>`,
  people: () =>
    html`<circle cx="9" cy="8.5" r="3.5"/><path d="M2.8 19.5c.5-3.4 2.9-5.5 6.2-5.5s5.7 2.1 6.2 5.5M15.5 5.4a3.5 3.5 0 0 1 0 6.2m2 2.8c2 .7 3.3 2.5 3.7 5.1"/>`,
  "person-add": () =>
    html`<circle cx="9.5" cy="8.5" r="3.5"/><path d="M3 19.5c.5-3.4 3-5.5 6.5-5.5s6 2.1 6.5 5.5M18.5 8v6m-3-3h6"/>`,
  "person-remove": () =>
    html`<circle cx="9.5" cy="8.5" r="3.5"/><path d="M3 19.5c.5-3.4 3-5.5 6.5-5.5s6 2.1 6.5 5.5M15.5 11h6"/>`,
  leave: () => html`<path d="M14 4.5H7.5a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2H14M10.5 12H20m-3.5-3.8L20 12l-3.5 3.8"/>`,
  eye: () => html`<path d="M3 12c2-4 5-6 9-6s7 2 9 6c-2 4-5 6-9 6s-7-2-9-6z"/><circle cx="12" cy="12" r="2.7"/>`,
  "eye-off": () =>
    html`<path d="M3 12c2-4 5-6 9-6s7 2 9 6c-2 4-5 6-9 6s-7-2-9-6z"/><circle cx="12" cy="12" r="2.7"/><path d="m5 19.5 14-15"/>`,
  offline: () =>
    html`<path d="M5 10.5c1.3-1.3 2.9-2.2 4.7-2.6M8 14a5.7 5.7 0 0 1 2.5-1.4M19 10.5a10 10 0 0 0-3.5-2.2M12 18v.1M5 4l14 15"/>`,
  reply: () => html`<path d="M9.5 6 4.5 11l5 5M5 11h8.5a6 6 0 0 1 6 6v1.5"/>`,
  forward: () => html`<path d="m14.5 6 5 5-5 5M19 11h-8.5a6 6 0 0 0-6 6v1.5"/>`,
  copy: () =>
    html`<rect x="8.5" y="8.5" width="11" height="11" rx="2.2"/><path d="M15.5 5.7A1.7 1.7 0 0 0 13.8 4.5H6.5a2 2 0 0 0-2 2v7.3c0 .8.5 1.4 1.2 1.7"/>`,
  more: () => html`<path d="M12 5.5v.1M12 12v.1m0 6.4v.1" stroke-width="2.6"/>`,
  chevron: () => html`<path d="m6.5 9.5 5.5 5.5 5.5-5.5"/>`,
  info: () => html`<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5.2m0-8.5v.1"/>`,
  pin: () => html`<path d="M9 4.5h6l-.8 6 2.8 2.8v1.2H7v-1.2l2.8-2.8zM12 14.5v5.5"/>`,
  bell: () => html`<path d="M6.5 10.5a5.5 5.5 0 0 1 11 0c0 4.5 2 5.5 2 6.5h-15c0-1 2-2 2-6.5M10 20a2.2 2.2 0 0 0 4 0"/>`,
  "bell-off": () =>
    html`<path d="M7 8.5c-.3.6-.5 1.3-.5 2 0 4.5-2 5.5-2 6.5H16m2.6-2.2c-.6-.9-1.1-2.2-1.1-4.3a5.5 5.5 0 0 0-8-4.9M10 20a2.2 2.2 0 0 0 4 0M4.5 4.5l15 15"/>`,
  archive: () => html`<path d="M4 5h16v4H4zM5.5 9v8.5a1.5 1.5 0 0 0 1.5 1.5h10a1.5 1.5 0 0 0 1.5-1.5V9M10 12.5h4"/>`,
  block: () => html`<circle cx="12" cy="12" r="8"/><path d="m6.5 17.5 11-11"/>`,
  person: () => html`<circle cx="12" cy="8" r="3.7"/><path d="M5 19.5c.6-3.6 3.3-5.8 7-5.8s6.4 2.2 7 5.8"/>`,
  contacts: () =>
    html`<rect x="6" y="4" width="14" height="16" rx="2.4"/><circle cx="13" cy="10" r="2.2"/><path d="M9.3 16c.5-1.8 1.9-2.8 3.7-2.8s3.2 1 3.7 2.8M6 8.5H3.8M6 12H3.8M6 15.5H3.8"/>`,
  "group-add": () =>
    html`<circle cx="8.5" cy="8.5" r="3.3"/><path d="M2.5 19c.5-3.3 2.8-5.3 6-5.3s5.5 2 6 5.3M14.8 5.5a3.3 3.3 0 0 1 1.5 5.3M19 12.5v6m-3-3h6"/>`,
  settings: () =>
    html`<path d="M4 7.5h9m5 0h2M4 16.5h2m5 0h9"/><circle cx="15.5" cy="7.5" r="2.4"/><circle cx="8.5" cy="16.5" r="2.4"/>`,
  keyboard: () =>
    html`<rect x="3" y="6.5" width="18" height="11.5" rx="2.2"/><path d="M6.7 10v.1m3.5-.1v.1m3.6-.1v.1m3.5-.1v.1M8.5 14.5h7"/>`,
  device: () => html`<rect x="3.5" y="5" width="17" height="11" rx="2"/><path d="M9 19.5h6M12 16v3.5"/>`,
  lock: () => html`<rect x="5.5" y="10.5" width="13" height="9.5" rx="2.2"/><path d="M8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5"/>`,
  chat: () => html`<path d="M4.5 18.8V7.5a2.5 2.5 0 0 1 2.5-2.5h10a2.5 2.5 0 0 1 2.5 2.5v6a2.5 2.5 0 0 1-2.5 2.5H8.2z"/>`,
  shield: () => html`<path d="M12 4 5.5 6.3v5c0 4.2 2.6 7.2 6.5 8.7 3.9-1.5 6.5-4.5 6.5-8.7v-5zM9 11.8l2.2 2.2 4-4.2"/>`,
  "shield-off": () => html`<path d="M12 4 5.5 6.3v5c0 4.2 2.6 7.2 6.5 8.7 3.9-1.5 6.5-4.5 6.5-8.7v-5zM9.5 12h5"/>`,
  crown: () => html`<path d="m4.5 8 3.7 3.5L12 6l3.8 5.5L19.5 8l-1.3 9.5H5.8z"/>`,
  forbidden: () => html`<circle cx="12" cy="12" r="8"/><path d="m6.5 17.5 11-11"/>`,
};

/**
 * An icon. Without a label, screen readers skip it.
 * @param {{name: string, label?: string}} props
 */
export function Icon({ name, label }) {
  const box = name === "tick" || name === "ticks" ? WIDE : SQUARE;
  const labelled = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return html`<svg class="icon icon-${name}" viewBox=${box} ...${labelled}>${DRAWINGS[name]()}</svg>`;
}

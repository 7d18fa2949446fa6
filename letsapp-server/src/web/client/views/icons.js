// The icons, as drawings of 24 by 24 (ticks: 18 by 12). They are part of the script, so that they are there without a network too.
import { html } from "../vendor/htm-preact.js";

const WIDE = "0 0 18 12";
const SQUARE = "0 0 24 24";

const DRAWINGS = {
  send: () =>
    html`<path d="M4.5 12 3.4 4.7c-.1-.8.7-1.4 1.4-1L20.2 11c.8.4.8 1.6 0 2L4.8 20.3c-.7.4-1.5-.2-1.4-1z"/><path d="M4.5 12H12"/>`,
  search: () => html`<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4 4"/>`,
  plus: () => html`<path d="M12 5v14M5 12h14"/>`,
  back: () => html`<path d="M19 12H5m6-6.5L4.5 12l6.5 6.5"/>`,
  down: () => html`<path d="M12 5v14m-6.5-6 6.5 6.5 6.5-6.5"/>`,
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
  forbidden: () => html`<circle cx="12" cy="12" r="8"/><path d="m6.5 17.5 11-11"/>`,
};

export function Icon({ name, label }) {
  const box = name === "tick" || name === "ticks" ? WIDE : SQUARE;
  const labelled = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return html`<svg class="icon icon-${name}" viewBox=${box} ...${labelled}>${DRAWINGS[name]()}</svg>`;
}

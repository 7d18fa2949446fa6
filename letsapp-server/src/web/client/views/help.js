// @ts-check
// The dialog that lists the keyboard shortcuts.
import { html } from "../vendor/htm-preact.js";
import { Dialog } from "./elements.js";
import { SHORTCUTS } from "./shortcuts.js";

const OTHERS = [
  {
    title: "Where you write",
    keys: [
      ["Enter", "Send"],
      ["Shift Enter", "New line"],
      ["↑", "Edit your last message"],
      ["@", "Mention someone in a group"],
      ["Esc", "Stop replying or editing"],
    ],
  },
  {
    title: "On a message",
    keys: [
      ["↑ ↓", "Go to the one before or after"],
      ["R", "Reply"],
      ["+", "React"],
      ["F", "Forward"],
      ["C", "Copy its text"],
      ["E", "Edit"],
      ["Delete", "Delete"],
      ["End", "Go to the latest message"],
    ],
  },
];

/** @param {{onClose(): void}} props */
export function HelpDialog({ onClose }) {
  const everywhere = { title: "Everywhere", keys: SHORTCUTS.map(({ keys, does }) => [keys, does]) };
  return html`<${Dialog} title="Keyboard" testid="help-dialog" onClose=${onClose}>
    <div class="dialog-scroll">
      ${[everywhere, ...OTHERS].map(
        ({ title, keys }) => html`<section key=${title}>
          <h3 class="list-title">${title}</h3>
          <dl class="keys">${keys.map(([key, does]) => html`<${Key} key=${key} combination=${key} does=${does} />`)}</dl>
        </section>`,
      )}
    </div>
  <//>`;
}

/** @param {{combination: string, does: string}} props */
function Key({ combination, does }) {
  return html`<div>
    <dt>${combination.split(" ").map((part) => html`<kbd>${part}</kbd>`)}</dt>
    <dd>${does}</dd>
  </div>`;
}

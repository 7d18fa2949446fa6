// @ts-check
// The emoji picker: groups, a search by name, and a grid in which the arrow keys move.
/** @import {KeyEvent} from "../../types/views.d.ts" */
/** @import {Emoji} from "../text/emoji.js" */
/** @import {Ref} from "../vendor/htm-preact.js" */
import { findEmoji, groups } from "../text/emoji.js";
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Icon } from "./icons.js";
import { Popover } from "./popover.js";

/**
 * Opens the picker beside `anchor`. `chosen` is the emoji to show as pressed.
 * @param {{anchor: HTMLElement, chosen?: string | null, onPick(emoji: string): void, onClose(): void}} props
 */
export function EmojiPopover({ anchor, chosen, onPick, onClose }) {
  const [query, setQuery] = useState("");
  /** @type {Ref<HTMLInputElement>} */
  const search = useRef(null);
  /** @type {Ref<HTMLElement>} */
  const box = useRef(null);
  // On a touch screen the focus would bring up the keyboard, which leaves no room for the emoji.
  useEffect(() => {
    if (window.matchMedia("not (pointer: coarse)").matches) search.current.focus({ preventScroll: true });
  }, []);
  const options = () => /** @type {HTMLElement[]} */ ([...box.current.querySelectorAll(".emoji-option")]);
  const firstOption = () => options().at(0);
  const shown = query.trim() ? [{ name: "Found", emoji: findEmoji(query) }] : groups;
  const onKeyDown = (/** @type {KeyEvent} */ event) => {
    if (event.key === "Enter" && event.target === search.current) {
      event.preventDefault();
      firstOption()?.click();
    } else moveInGrid(event, [search.current, ...options()]);
  };

  return html`<${Popover} anchor=${anchor} label="Emoji" testid="emoji-picker" onClose=${onClose}>
    <div class="emoji-picker" ref=${box} onKeyDown=${onKeyDown}>
      <div class="search">
        <${Icon} name="search" />
        <input
          ref=${search} type="search" class="input" placeholder="Search emoji" aria-label="Search emoji" data-testid="emoji-search"
          autocomplete="off" autocapitalize="none" spellcheck="false" value=${query} onInput=${(event) => setQuery(event.currentTarget.value)}
        />
      </div>
      <div class="emoji-groups">
        ${shown.map(
          ({ name, emoji }) => html`<section key=${name} aria-label=${name}>
            <h3 class="emoji-title">${name}</h3>
            <div class="emoji-grid">
              ${emoji.map((item) => html`<${Option} key=${item.emoji} item=${item} chosen=${item.emoji === chosen} onPick=${onPick} />`)}
            </div>
            ${emoji.length === 0 && html`<p class="hint" data-testid="no-emoji">No emoji is called that.</p>`}
          </section>`,
        )}
      </div>
    </div>
  <//>`;
}

/** @param {{item: Emoji, chosen: boolean, onPick(emoji: string): void}} props */
function Option({ item: { emoji, words }, chosen, onPick }) {
  return html`<button
    type="button" class="emoji-option emoji" tabindex="-1" aria-label="${emoji} ${words}" title=${words} aria-pressed=${chosen}
    data-testid="emoji" data-emoji=${emoji} onClick=${() => onPick(emoji)}
  >
    ${emoji}
  </button>`;
}

/**
 * Moves the focus to the neighbour in the direction of an arrow key, whatever gaps the grid has.
 * @param {KeyEvent} event
 * @param {HTMLElement[]} elements the search field and the options
 */
function moveInGrid(event, elements) {
  const at = elements.findIndex((element) => element === document.activeElement);
  const inField = at === 0;
  if (at < 0 || (inField && event.key !== "ArrowDown")) return;
  const beside = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  const next = beside ? elements[at + beside] : nextRow(event.key, elements, elements[at]);
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/**
 * Returns the element nearest to the same column in the next row.
 * @param {string} key
 * @param {HTMLElement[]} elements
 * @param {HTMLElement} from
 */
function nextRow(key, elements, from) {
  const down = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
  if (!down) return null;
  const here = from.getBoundingClientRect();
  const distances = elements.map((element) => {
    const there = element.getBoundingClientRect();
    return { element, rows: (there.top - here.top) * down, columns: Math.abs(there.left - here.left) };
  });
  const ahead = distances.filter(({ rows }) => rows > 1);
  ahead.sort((a, b) => a.rows - b.rows || a.columns - b.columns);
  return ahead[0]?.element;
}

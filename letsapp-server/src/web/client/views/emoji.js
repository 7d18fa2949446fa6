// The emoji picker: groups, a search by name, and a grid that arrow keys move in.
import { findEmoji, groups } from "../emoji.js";
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Icon } from "./icons.js";
import { Popover } from "./popover.js";

export function EmojiPopover({ anchor, chosen, onPick, onClose }) {
  const [query, setQuery] = useState("");
  const search = useRef(null);
  const box = useRef(null);
  // On a touch screen the focus would bring up the keyboard, which leaves no room for the emoji.
  useEffect(() => {
    if (window.matchMedia("not (pointer: coarse)").matches) search.current.focus({ preventScroll: true });
  }, []);
  const shown = query.trim() ? [{ name: "Found", emoji: findEmoji(query) }] : groups;
  const keys = (event) => {
    if (event.key === "Enter" && event.target === search.current) {
      event.preventDefault();
      box.current.querySelector(".emoji-option")?.click();
    } else moveInGrid(event, [search.current, ...box.current.querySelectorAll(".emoji-option")]);
  };

  return html`<${Popover} anchor=${anchor} label="Emoji" testid="emoji-picker" onClose=${onClose}>
    <div class="emoji-picker" ref=${box} onKeyDown=${keys}>
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

function Option({ item: { emoji, words }, chosen, onPick }) {
  return html`<button
    type="button" class="emoji-option emoji" tabindex="-1" aria-label="${emoji} ${words}" title=${words} aria-pressed=${chosen}
    data-testid="emoji" data-emoji=${emoji} onClick=${() => onPick(emoji)}
  >
    ${emoji}
  </button>`;
}

/** Moves the focus to the neighbour in the direction of an arrow key, whatever gaps the grid has. */
function moveInGrid(event, elements) {
  const at = elements.indexOf(document.activeElement);
  const inField = at === 0;
  if (at < 0 || (inField && event.key !== "ArrowDown")) return;
  const beside = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const next = beside ? elements[at + beside] : nextRow(event.key, elements, elements[at]);
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function nextRow(key, elements, from) {
  const down = { ArrowDown: 1, ArrowUp: -1 }[key];
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

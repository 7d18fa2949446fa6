// A small choice of emoji, as a grid that arrow keys move in.
import { html, useEffect, useRef } from "../vendor/htm-preact.js";
import { moveFocus, Popover } from "./elements.js";

const COLUMNS = 8;
const EMOJI = [
  ..."👍❤️😂😮😢🙏🎉🔥".matchAll(/\p{Extended_Pictographic}\ufe0f?/gu),
  ..."😀😅🙂😉😍😘😎🤔🙄😴😭😡🤯🥳🤗🤝👏👌💪👀🙌🤷💯✅❌⭐☀️🌙☕🍰🚀💡".matchAll(/\p{Extended_Pictographic}\ufe0f?/gu),
].map(([emoji]) => emoji);

export function EmojiPopover({ anchor, chosen, onPick, onClose }) {
  const grid = useRef(null);
  useEffect(() => grid.current.querySelector("[aria-pressed=true], .emoji-option").focus({ preventScroll: true }), []);
  return html`<${Popover} anchor=${anchor} label="Emoji" testid="emoji-picker" onClose=${onClose}>
    <div class="emoji-grid" ref=${grid} onKeyDown=${(event) => moveFocus(event, ".emoji-option", { step: COLUMNS })}>
      ${EMOJI.map(
        (emoji) => html`<button
          type="button" key=${emoji} class="emoji-option emoji" aria-label=${emoji} aria-pressed=${emoji === chosen}
          data-testid="emoji" data-emoji=${emoji} onClick=${() => onPick(emoji)}
        >
          ${emoji}
        </button>`,
      )}
    </div>
  <//>`;
}

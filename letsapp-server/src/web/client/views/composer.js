// Where messages are written, and edited.
import { lengthOf } from "../text.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { useClient } from "./bindings.js";
import { IconButton } from "./elements.js";
import { EmojiPopover } from "./emoji.js";
import { Icon } from "./icons.js";

const LONGEST = 4_096;
/** From here on it is worth knowing how much room is left. */
const NEARLY = 3_900;
/** Where a finger is what points, the keyboard is on the screen, and its Enter begins a new line. */
const hasKeyboard = window.matchMedia("not (pointer: coarse)");

export function Composer({ conversation, editing, onEditLast, onEdited }) {
  const client = useClient();
  const { id } = conversation;
  const [text, setText] = useState(() => editing?.body ?? client.drafts.of(id));
  const [busy, setBusy] = useState(false);
  const [picking, setPicking] = useState(null);
  const field = useRef(null);

  const length = text.length < NEARLY ? text.length : lengthOf(text);
  const body = text.trim();
  const ready = body !== "" && length <= LONGEST && !busy;

  useLayoutEffect(() => fitHeight(field.current), [text]);
  useEffect(() => {
    if (editing || hasKeyboard.matches) focusAtEnd(field.current);
  }, []);

  const write = (next) => {
    setText(next);
    if (!editing) client.drafts.keep(id, next);
  };
  const submit = async (event) => {
    event?.preventDefault();
    if (!ready) return;
    if (!editing) {
      client.send(id, body);
      write("");
      field.current.focus();
      return;
    }
    setBusy(true);
    const done = body === editing.body || (await client.attempt(() => client.edit(editing, body)));
    setBusy(false);
    if (done) onEdited();
  };
  const keys = (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && hasKeyboard.matches) submit(event);
    else if (event.key === "Escape" && editing) onEdited();
    else if (event.key === "ArrowUp" && !editing && text === "") {
      event.preventDefault();
      onEditLast();
    }
  };
  const insert = (emoji) => {
    setPicking(null);
    const { selectionStart, selectionEnd } = field.current;
    write(text.slice(0, selectionStart) + emoji + text.slice(selectionEnd));
    field.current.focus();
  };

  return html`<form class="composer" onSubmit=${submit}>
    ${
      editing &&
      html`<p class="composer-editing" data-testid="editing">
      <${Icon} name="pencil" /><span>Editing your message</span>
      <${IconButton} icon="close" label="Stop editing" testid="cancel-edit" onClick=${onEdited} />
    </p>`
    }
    <div class="composer-row">
      <${IconButton} icon="smile" label="Insert an emoji" testid="insert-emoji" onClick=${(event) => setPicking(event.currentTarget)} />
      <textarea
        ref=${field} class="composer-field" rows="1" dir="auto" placeholder="Write a message" aria-label="Message" data-testid="composer"
        enterkeyhint=${hasKeyboard.matches ? "send" : "enter"} value=${text} onInput=${(event) => write(event.currentTarget.value)} onKeyDown=${keys}
      ></textarea>
      ${length > NEARLY && html`<span class="composer-count ${length > LONGEST ? "over" : ""}" role="status">${LONGEST - length}</span>`}
      <button class="send" aria-label=${editing ? "Save" : "Send"} title=${editing ? "Save" : "Send"} data-testid="send" disabled=${!ready}>
        <${Icon} name=${editing ? "check" : "send"} />
      </button>
    </div>
    ${picking && html`<${EmojiPopover} anchor=${picking} onPick=${insert} onClose=${() => setPicking(null)} />`}
  </form>`;
}

/** As high as the text, up to what the style sheet allows. */
function fitHeight(field) {
  field.style.setProperty("height", "auto");
  const borders = field.offsetHeight - field.clientHeight;
  field.style.setProperty("height", `${field.scrollHeight + borders}px`);
}

function focusAtEnd(field) {
  field.focus({ preventScroll: true });
  field.setSelectionRange(field.value.length, field.value.length);
}

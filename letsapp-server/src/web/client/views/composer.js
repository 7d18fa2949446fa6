// Where messages are written, answered and edited.
import { mentionAt, mentionable, mentionsIn } from "../mentions.js";
import { lengthOf } from "../text.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { useClient, useSelected } from "./bindings.js";
import { ComposerNote } from "./composer-note.js";
import { IconButton } from "./elements.js";
import { EmojiPopover } from "./emoji.js";
import { Icon } from "./icons.js";
import { MentionList, mentionOption } from "./mention-list.js";

const LONGEST = 4_096;
/** From here on it is worth knowing how much room is left. */
const NEARLY = 3_900;
/** Where a finger is what points, the keyboard is on the screen, and its Enter begins a new line. */
const hasKeyboard = window.matchMedia("not (pointer: coarse)");

export function Composer({ conversation, editing, answered, onEditLast, onDone }) {
  const client = useClient();
  const { id, kind } = conversation;
  const [text, setText] = useState(() => editing?.body ?? client.drafts.of(id));
  const [busy, setBusy] = useState(false);
  const [picking, setPicking] = useState(null);
  const field = useRef(null);
  const mention = useMention({ id, group: kind === "group", text, field, named: editing?.mentions ?? [] });

  const length = text.length < NEARLY ? text.length : lengthOf(text);
  const body = text.trim();
  const ready = body !== "" && length <= LONGEST && !busy;

  useLayoutEffect(() => fitHeight(field.current), [text]);
  useEffect(() => {
    if (editing || answered || hasKeyboard.matches) focusAtEnd(field.current);
  }, [answered]);

  const write = (next) => {
    setText(next);
    mention.follow(next);
    if (editing) return;
    client.drafts.keep(id, next);
    if (next.trim()) client.typing.wrote(id);
    else client.typing.stopped(id);
  };
  const put = (from, to, words) => {
    write(text.slice(0, from) + words + text.slice(to));
    // The caret goes behind what was put in, once that is drawn.
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(from + words.length, from + words.length);
    });
  };
  const choose = (person) => {
    put(mention.from, field.current.selectionStart, `@${person.username} `);
    mention.close();
  };
  const submit = async (event) => {
    event?.preventDefault();
    if (!ready) return;
    const mentions = mentionsIn(body, mention.people);
    if (!editing) {
      client.send(id, { body, reply_to: answered?.seq, mentions: mentions.length > 0 ? mentions : undefined });
      write("");
      field.current.focus();
      return onDone();
    }
    setBusy(true);
    const words = { forbidden: "It is too late to edit this message." };
    const done = body === editing.body || (await client.attempt(() => client.edit(editing, { body, mentions }), words));
    setBusy(false);
    if (done) onDone();
  };
  const keys = (event) => {
    if (event.isComposing || mention.keys(event, choose)) return;
    if (event.key === "Enter" && !event.shiftKey && hasKeyboard.matches) submit(event);
    else if (event.key === "Escape" && (editing || answered)) {
      event.stopPropagation();
      onDone();
    } else if (event.key === "ArrowUp" && !event.altKey && !editing && text === "") {
      event.preventDefault();
      onEditLast();
    }
  };
  const insert = (emoji) => {
    setPicking(null);
    put(field.current.selectionStart, field.current.selectionEnd, emoji);
  };

  return html`<form class="composer" onSubmit=${submit}>
    ${mention.found.length > 0 && html`<${MentionList} people=${mention.found} at=${mention.at} onPick=${choose} />`}
    <${ComposerNote} editing=${editing} answered=${answered} onClose=${onDone} />
    <div class="composer-row">
      <${IconButton} icon="smile" label="Insert an emoji" testid="insert-emoji" onClick=${(event) => setPicking(event.currentTarget)} />
      <textarea
        ref=${field} class="composer-field" rows="1" dir="auto" placeholder="Write a message" aria-label="Message" data-testid="composer"
        enterkeyhint=${hasKeyboard.matches ? "send" : "enter"} value=${text} onInput=${(event) => write(event.currentTarget.value)} onKeyDown=${keys}
        onBlur=${() => client.typing.stopped(id)} onClick=${() => mention.follow(text)} aria-autocomplete="list"
        aria-controls=${mention.found.length > 0 ? "mentions" : undefined}
        aria-activedescendant=${mention.found.length > 0 ? mentionOption(mention.at) : undefined}
      ></textarea>
      ${length > NEARLY && html`<span class="composer-count ${length > LONGEST ? "over" : ""}" role="status">${LONGEST - length}</span>`}
      <button class="send" aria-label=${editing ? "Save" : "Send"} title=${editing ? "Save" : "Send"} data-testid="send" disabled=${!ready}>
        <${Icon} name=${editing ? "check" : "send"} />
      </button>
    </div>
    ${picking && html`<${EmojiPopover} anchor=${picking} onPick=${insert} onClose=${() => setPicking(null)} />`}
  </form>`;
}

/** The list that an `@` opens in a group: who is in it, which one is chosen, and the keys for it. */
function useMention({ id, group, text, field, named }) {
  const client = useClient();
  const members = useSelected((state) => state.members[id]);
  const users = useSelected((state) => state.users);
  const [typed, setTyped] = useState(null);
  const [at, setAt] = useState(0);
  const me = client.store.state.me.id;
  const inside = group ? (members ?? []).map(({ user }) => users[user.id] ?? user) : [];
  // Whoever an edited message names stays named, whether the members are here yet or not.
  const people = [...inside, ...named.map((person) => users[person]).filter(Boolean)];
  const found = typed
    ? mentionable(
        inside.filter((person) => person.id !== me),
        typed.query,
      )
    : [];
  useEffect(() => {
    if (group && text.includes("@")) client.groups.wantMembers(id);
  }, [group, id, text.includes("@")]);

  const close = () => setTyped(null);
  const follow = (next) => {
    setTyped(group ? mentionAt(next, field.current.selectionStart) : null);
    setAt(0);
  };
  const keys = (event, choose) => {
    if (found.length === 0) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((at + step + found.length) % found.length);
    else if (event.key === "Enter" || event.key === "Tab") choose(found[at]);
    else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { people, found, at, from: typed?.from, close, follow, keys };
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

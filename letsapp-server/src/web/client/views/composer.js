// @ts-check
// The field in which messages are written, answered and edited.
/** @import {Id, Message} from "../../types/protocol.d.ts" */
/** @import {KnownConversation, Person} from "../../types/state.d.ts" */
/** @import {KeyEvent} from "../../types/views.d.ts" */
/** @import {Voice} from "../actions/recording.js" */
/** @import {Ref} from "../vendor/htm-preact.js" */
import { canRecord } from "../actions/recording.js";
import { lengthOf } from "../text/characters.js";
import { mentionAt, mentionedIds, suggestMentions } from "../text/mentions.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { attach, AttachButton, filesOf } from "./attach.js";
import { ComposerNote } from "./composer-note.js";
import { IconButton } from "./elements.js";
import { EmojiPopover } from "./emoji.js";
import { useClient, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { MentionList, mentionOption } from "./mention-list.js";
import { UploadTray } from "./upload-tray.js";
import { VoiceButton, VoiceRow } from "./voice.js";

/** The most characters that the server accepts. */
const MAX_LENGTH = 4_096;
/** The length from which on the composer shows how many characters are left. */
const COUNTED_LENGTH = 3_900;
/** False on touch screens: their keyboard takes half of the screen, and its Enter begins a new line. */
const hasKeyboard = window.matchMedia("not (pointer: coarse)");

/**
 * @param {object} props
 * @param {KnownConversation} props.conversation
 * @param {Message | null} props.editing
 * @param {Message | null} props.answered
 * @param {() => void} props.onEditLast
 * @param {() => void} props.onDone
 */
export function Composer({ conversation, editing, answered, onEditLast, onDone }) {
  const client = useClient();
  const { id, kind } = conversation;
  const [text, setText] = useState(() => editing?.body ?? client.drafts.of(id));
  const [busy, setBusy] = useState(false);
  const [recording, setRecording] = useState(false);
  const [picking, setPicking] = useState(/** @type {HTMLElement | null} */ (null));
  /** @type {Ref<HTMLTextAreaElement>} */
  const field = useRef(null);
  const mention = useMention({ id, group: kind === "group", text, field, mentioned: editing?.mentions ?? [] });

  const length = text.length < COUNTED_LENGTH ? text.length : lengthOf(text);
  const body = text.trim();
  const allUploads = useSelected((state) => state.uploads);
  const uploads = editing ? [] : allUploads.filter(({ conversation_id }) => conversation_id === id);
  const picked = uploads.filter(({ batch }) => !batch);
  const hasFiles = editing ? Boolean(editing.attachments?.length) : picked.length > 0;
  const refused = picked.some(({ status }) => status === "failed");
  const ready = (body !== "" || hasFiles) && !refused && length <= MAX_LENGTH && !busy;

  const mayRecord = !editing && text === "" && picked.length === 0 && canRecord();

  useLayoutEffect(() => {
    if (!recording) fitHeight(field.current);
  }, [text, recording]);
  useEffect(() => {
    if (!recording && (editing || answered || hasKeyboard.matches)) focusAtEnd(field.current);
  }, [answered]);

  const write = (/** @type {string} */ next) => {
    setText(next);
    mention.follow(next);
    if (editing) return;
    client.drafts.save(id, next);
    if (next.trim()) client.typing.onInput(id);
    else client.typing.stop(id);
  };
  const replace = (/** @type {number} */ from, /** @type {number} */ to, /** @type {string} */ words) => {
    write(text.slice(0, from) + words + text.slice(to));
    // The caret goes behind the words once they are drawn.
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(from + words.length, from + words.length);
    });
  };
  const choose = (/** @type {Person} */ person) => {
    replace(mention.from, field.current.selectionStart, `@${person.username} `);
    mention.close();
  };
  const submit = async (/** @type {Event | undefined} */ event) => {
    event?.preventDefault();
    if (!ready) return;
    const mentions = mentionedIds(body, mention.people);
    if (!editing) {
      const draft = { body, reply_to: answered?.seq, mentions: mentions.length > 0 ? mentions : undefined };
      if (hasFiles) client.uploads.submit(id, draft);
      else client.messages.send(id, draft);
      write("");
      field.current.focus();
      return onDone();
    }
    setBusy(true);
    const words = { forbidden: "It is too late to edit this message." };
    const done = body === editing.body || (await client.attempt(() => client.messages.edit(editing, { body, mentions }), words));
    setBusy(false);
    if (done) onDone();
  };
  const onKeyDown = (/** @type {KeyEvent} */ event) => {
    if (event.isComposing || mention.onKeyDown(event, choose)) return;
    if (event.key === "Enter" && !event.shiftKey && hasKeyboard.matches) submit(event);
    else if (event.key === "Escape" && (editing || answered)) {
      event.stopPropagation();
      onDone();
    } else if (event.key === "ArrowUp" && !event.altKey && !editing && text === "") {
      event.preventDefault();
      onEditLast();
    }
  };
  const sendVoice = (/** @type {Voice} */ { file, waveform }) => {
    client.uploads.sendAlone(id, file, { body: "", reply_to: answered?.seq }, { waveform });
    onDone();
  };
  const endRecording = () => {
    setRecording(false);
    // Once the field is drawn again.
    requestAnimationFrame(() => hasKeyboard.matches && field.current?.focus());
  };
  const onPaste = (/** @type {ClipboardEvent} */ event) => {
    const files = filesOf(event.clipboardData);
    // Word processors put a picture of the text beside the text.
    if (editing || files.length === 0 || event.clipboardData?.types.includes("text/plain")) return;
    event.preventDefault();
    attach(client, id, files);
  };
  const insert = (/** @type {string} */ emoji) => {
    setPicking(null);
    replace(field.current.selectionStart, field.current.selectionEnd, emoji);
  };

  return html`<form class="composer" onSubmit=${submit}>
    ${mention.suggested.length > 0 && html`<${MentionList} people=${mention.suggested} at=${mention.chosen} onPick=${choose} />`}
    <${ComposerNote} editing=${editing} answered=${answered} onClose=${onDone} />
    <${UploadTray} uploads=${uploads} />
    <div class="composer-row">
      ${
        recording
          ? html`<${VoiceRow} onSend=${sendVoice} onEnd=${endRecording} />`
          : html`${!editing && html`<${AttachButton} conversationId=${id} onPicked=${() => field.current.focus()} />`}
            <${IconButton} icon="smile" label="Insert an emoji" testid="insert-emoji" onClick=${(event) => setPicking(event.currentTarget)} />
            <textarea
              ref=${field} class="composer-field" rows="1" dir="auto" placeholder=${hasFiles ? "Add a caption" : "Write a message"}
              aria-label="Message" data-testid="composer" enterkeyhint=${hasKeyboard.matches ? "send" : "enter"} value=${text}
              onInput=${(event) => write(event.currentTarget.value)} onKeyDown=${onKeyDown} onPaste=${onPaste} onBlur=${() => client.typing.stop(id)}
              onClick=${() => mention.follow(text)} aria-autocomplete="list"
              aria-controls=${mention.suggested.length > 0 ? "mentions" : undefined}
              aria-activedescendant=${mention.suggested.length > 0 ? mentionOption(mention.chosen) : undefined}
            ></textarea>
            ${length > COUNTED_LENGTH && html`<span class="composer-count ${length > MAX_LENGTH ? "over" : ""}" role="status">${MAX_LENGTH - length}</span>`}
            ${
              mayRecord
                ? html`<${VoiceButton} onStart=${() => setRecording(true)} />`
                : html`<button class="send" aria-label=${editing ? "Save" : "Send"} title=${editing ? "Save" : "Send"} data-testid="send" disabled=${!ready}>
                    <${Icon} name=${editing ? "check" : "send"} />
                  </button>`
            }`
      }
    </div>
    ${picking && html`<${EmojiPopover} anchor=${picking} onPick=${insert} onClose=${() => setPicking(null)} />`}
  </form>`;
}

/**
 * The list of members that an `@` opens in a group, and its keys.
 * @param {{id: Id, group: boolean, text: string, field: Ref<HTMLTextAreaElement>, mentioned: Id[]}} options
 */
function useMention({ id, group, text, field, mentioned }) {
  const client = useClient();
  const members = useSelected((state) => state.members[id]);
  const users = useSelected((state) => state.users);
  const [typed, setTyped] = useState(/** @type {{from: number, query: string} | null} */ (null));
  const [chosen, setChosen] = useState(0);
  const me = client.store.state.me.id;
  const inside = group ? (members ?? []).map(({ user }) => users[user.id] ?? user) : [];
  // The mentions of an edited message stay, even before the members are loaded.
  const people = [...inside, ...mentioned.map((person) => users[person]).filter((person) => person !== undefined)];
  const suggested = typed
    ? suggestMentions(
        inside.filter((person) => person.id !== me),
        typed.query,
      )
    : [];
  useEffect(() => {
    if (group && text.includes("@")) client.groups.ensureMembers(id);
  }, [group, id, text.includes("@")]);

  const close = () => setTyped(null);
  const follow = (/** @type {string} */ next) => {
    setTyped(group ? mentionAt(next, field.current.selectionStart) : null);
    setChosen(0);
  };
  const onKeyDown = (/** @type {KeyEvent} */ event, /** @type {(person: Person) => void} */ choose) => {
    if (suggested.length === 0) return false;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) setChosen((chosen + step + suggested.length) % suggested.length);
    else if (event.key === "Enter" || event.key === "Tab") choose(suggested[chosen]);
    else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { people, suggested, chosen, from: typed?.from ?? 0, close, follow, onKeyDown };
}

/**
 * Makes a field as high as its text, up to the limit of the style sheet.
 * @param {HTMLElement} field
 */
function fitHeight(field) {
  field.style.setProperty("height", "auto");
  const borders = field.offsetHeight - field.clientHeight;
  field.style.setProperty("height", `${field.scrollHeight + borders}px`);
}

/** @param {HTMLTextAreaElement} field */
function focusAtEnd(field) {
  field.focus({ preventScroll: true });
  field.setSelectionRange(field.value.length, field.value.length);
}

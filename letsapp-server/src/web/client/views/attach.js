// @ts-check
// The ways to attach files: the button, dropping them on the chat, pasting them.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {Client} from "../actions/client.js" */
/** @import {Ref} from "../vendor/htm-preact.js" */
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { IconButton } from "./elements.js";
import { useClient } from "./hooks.js";

/**
 * Uploads files for a conversation, as many as fit into one message.
 * @param {Client} client
 * @param {Id} conversationId
 * @param {File[]} files
 */
export function attach(client, conversationId, files) {
  if (files.length === 0) return;
  const taken = client.uploads.add(conversationId, files);
  if (taken < files.length) client.toast("A message can carry ten files at most.");
}

/**
 * Returns the files that were pasted or dropped.
 * @param {DataTransfer | null} data
 */
export function filesOf(data) {
  return data ? [...data.files] : [];
}

/** @param {{conversationId: Id, disabled?: boolean, onPicked(): void}} props */
export function AttachButton({ conversationId, onPicked }) {
  const client = useClient();
  /** @type {Ref<HTMLInputElement>} */
  const input = useRef(null);
  const picked = () => {
    attach(client, conversationId, [...(input.current.files ?? [])]);
    // The same file can be picked again.
    input.current.value = "";
    onPicked();
  };
  return html`<${IconButton} icon="attach" label="Attach files" testid="attach" onClick=${() => input.current.click()} />
    <input ref=${input} type="file" multiple hidden tabindex="-1" data-testid="attach-input" onChange=${picked} />`;
}

/**
 * A frame over the chat while files are dragged over it. Takes what is dropped anywhere on the chat.
 * @param {{conversationId: Id}} props
 */
export function DropZone({ conversationId }) {
  const client = useClient();
  const [over, setOver] = useState(false);
  /** @type {Ref<HTMLElement>} */
  const zone = useRef(null);
  useEffect(() => {
    const place = /** @type {HTMLElement} */ (zone.current.parentElement);
    const follow = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      setOver(true);
    };
    const leave = (/** @type {DragEvent} */ event) => {
      if (!place.contains(/** @type {Node | null} */ (event.relatedTarget))) setOver(false);
    };
    const drop = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(false);
      attach(client, conversationId, filesOf(event.dataTransfer));
      /** @type {HTMLElement | null} */ (place.querySelector(".composer-field"))?.focus();
    };
    place.addEventListener("dragover", follow);
    place.addEventListener("dragleave", leave);
    place.addEventListener("drop", drop);
    return () => {
      place.removeEventListener("dragover", follow);
      place.removeEventListener("dragleave", leave);
      place.removeEventListener("drop", drop);
    };
  }, [client, conversationId]);
  return html`<div ref=${zone} class="drop-zone ${over ? "over" : ""}" aria-hidden="true" data-testid="drop-zone">
    ${over && html`<p>Drop files to send them</p>`}
  </div>`;
}

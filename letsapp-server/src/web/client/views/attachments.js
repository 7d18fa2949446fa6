// @ts-check
// The files of a message: pictures and videos as a grid, audio and others below each other.
/** @import {Attachment, Id} from "../../types/protocol.d.ts" */
import { timelineOf } from "../state/reduce.js";
import { endingOf, familyOf, picturesIn, sizeText, withFacts } from "../text/files.js";
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { AudioPlayer } from "./audio.js";
import { useClient, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { Picture } from "./picture.js";
import { save } from "./save.js";
import { Video } from "./video.js";
import { Viewer } from "./viewer.js";

/**
 * @typedef {object} AttachmentsProps
 * @property {Attachment[]} attachments
 * @property {Id} conversationId
 */

/** @param {AttachmentsProps} props */
export function Attachments({ attachments, conversationId }) {
  const [open, setOpen] = useState(/** @type {Id | null} */ (null));
  const known = useSelected((state) => state.media);
  const files = attachments.map((attachment) => withFacts(attachment, known[attachment.id]));
  const pictures = files.filter((file) => familyOf(file) === "picture");
  const others = files.filter((file) => !pictures.includes(file));
  return html`<div class="attachments" data-testid="attachments">
    ${
      pictures.length > 0 &&
      html`<div class="pictures ${pictures.length > 1 ? "album" : ""}">
        ${pictures.map((file) => html`<${Picture} key=${file.id} file=${file} alone=${pictures.length === 1} onOpen=${() => setOpen(file.id)} />`)}
      </div>`
    }
    ${others.map((file) => html`<${Other} key=${file.id} file=${file} />`)}
    ${open && html`<${ChatViewer} conversationId=${conversationId} own=${pictures} start=${open} onClose=${() => setOpen(null)} />`}
  </div>`;
}

/**
 * The files of a message that is not sent yet: of these only the ids are kept.
 * @param {{ids: Id[], conversationId: Id}} props
 */
export function AttachmentsById({ ids, conversationId }) {
  const client = useClient();
  const known = useSelected((state) => state.media);
  useEffect(() => ids.forEach((id) => client.files.load(id)), [client, ids.join()]);
  const files = ids.map((id) => known[id]).filter((file) => file !== undefined && file !== null);
  return html`<${Attachments} attachments=${files} conversationId=${conversationId} />`;
}

/**
 * The full view of the pictures that are loaded, or of a message’s own ones while it waits to be sent.
 * @param {{conversationId: Id, own: Attachment[], start: Id, onClose(): void}} props
 */
function ChatViewer({ conversationId, own, start, onClose }) {
  const timeline = useSelected((state) => timelineOf(state, conversationId));
  const known = useSelected((state) => state.media);
  const all = picturesIn(timeline.messages, known);
  return html`<${Viewer} files=${all.some(({ id }) => id === start) ? all : own} start=${start} onClose=${onClose} />`;
}

/**
 * A file that is no picture.
 * @param {{file: Attachment}} props
 */
function Other({ file }) {
  const family = familyOf(file);
  if (family === "audio") return html`<${AudioPlayer} file=${file} />`;
  const card = html`<${FileCard} file=${file} />`;
  return family === "video" ? html`<${Video} file=${file} fallback=${card} />` : card;
}

/**
 * A file with its name and size. A click downloads it.
 * @param {{file: Attachment}} props
 */
function FileCard({ file: { id, file_name, size } }) {
  const client = useClient();
  const [busy, setBusy] = useState(false);
  const download = async () => {
    setBusy(true);
    await client.attempt(() => save(client, { id, file_name }));
    setBusy(false);
  };
  return html`<button
    type="button" class="file-card" aria-label=${`Download ${file_name}, ${sizeText(size)}`} title=${file_name} aria-busy=${busy}
    data-testid="file" data-file-name=${file_name} onClick=${download}
  >
    <span class="file-icon" aria-hidden="true"><${Icon} name="file" /><span class="file-ending">${endingOf(file_name)}</span></span>
    <span class="file-text"><span class="file-name" dir="auto">${file_name}</span><span class="file-size">${sizeText(size)}</span></span>
    <${Icon} name="download" />
  </button>`;
}

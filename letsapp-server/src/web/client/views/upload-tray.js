// @ts-check
// The files above the message field: each with its progress, and buttons to try again or give up.
/** @import {Upload} from "../../types/state.d.ts" */
import { endingOf, sizeText } from "../text/files.js";
import { html } from "../vendor/htm-preact.js";
import { IconButton } from "./elements.js";
import { useClient } from "./hooks.js";
import { Icon } from "./icons.js";

/** @param {{uploads: Upload[]}} props */
export function UploadTray({ uploads }) {
  if (uploads.length === 0) return null;
  return html`<ul class="upload-tray" aria-label="Files to send" data-testid="upload-tray">
    ${uploads.map((upload) => html`<${Row} key=${upload.id} upload=${upload} />`)}
  </ul>`;
}

/** @param {{upload: Upload}} props */
function Row({ upload }) {
  const { uploads } = useClient();
  const { id, file_name, status, progress, preview, error, retryable } = upload;
  return html`<li class="upload ${status}" data-testid="upload" data-status=${status} data-file-name=${file_name}>
    ${
      preview
        ? html`<img class="upload-picture" src=${preview} alt="" />`
        : html`<span class="file-icon" aria-hidden="true"><${Icon} name="file" /><span class="file-ending">${endingOf(file_name)}</span></span>`
    }
    <span class="file-text">
      <span class="file-name" dir="auto">${file_name}</span>
      <span class="file-size" role=${status === "failed" ? "alert" : undefined}>${error ?? stateText(upload)}</span>
      ${
        status === "uploading" &&
        html`<progress class="upload-progress" max="1" value=${progress} aria-label=${`Uploading ${file_name}`}></progress>`
      }
    </span>
    ${
      status === "failed" &&
      retryable &&
      html`<${IconButton} icon="retry" label=${`Upload ${file_name} again`} testid="upload-retry" onClick=${() => uploads.retry(id)} />`
    }
    <${IconButton} icon="close" label=${`Remove ${file_name}`} testid="upload-cancel" onClick=${() => uploads.cancel(id)} />
  </li>`;
}

/** @param {Upload} upload */
function stateText({ status, progress, size, batch }) {
  if (status === "waiting") return `Waiting · ${sizeText(size)}`;
  // All is sent, but the server has yet to look at it.
  if (status === "uploading") return progress < 1 ? `${Math.floor(progress * 100)} % of ${sizeText(size)}` : "Checking…";
  return batch ? "Uploaded · waiting for the others" : sizeText(size);
}

// @ts-check
// The picture of a person or a group, with their initials until it is there.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {Ref} from "../vendor/htm-preact.js" */
import { hueOf, initialsOf } from "../text/names.js";
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { useLink, useNearness } from "./picture.js";

/**
 * A picture, or initials on a colour of their own. People are round, groups are not.
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.name
 * @param {Id | null} [props.picture]
 * @param {"person" | "group"} [props.kind]
 * @param {"tiny" | "small" | "medium" | "large"} [props.size]
 * @param {boolean} [props.online]
 */
export function Avatar({ id, name, picture, kind = "person", size = "medium", online = false }) {
  return html`<span class="avatar ${kind} ${size} ${online ? "online" : ""}" style=${{ "--hue": hueOf(id) }} aria-hidden="true">
    ${initialsOf(name)}${picture && html`<${Face} key=${picture} id=${picture} />`}
  </span>`;
}

/**
 * The picture over the initials, loaded near the window: a large group has many.
 * @param {{id: Id}} props
 */
function Face({ id }) {
  /** @type {Ref<HTMLElement>} */
  const frame = useRef(null);
  const near = useNearness(frame);
  const preview = useLink({ id }, "thumbnail", near);
  // A picture that the server made no preview of.
  const original = useLink({ id }, "original", near && preview.failed);
  const { address, retry, failed } = preview.failed ? original : preview;
  const [drawn, setDrawn] = useState(false);
  return html`<span ref=${frame} class="avatar-picture" data-testid="avatar-picture" data-media-id=${id} data-drawn=${drawn}>
    ${address && !failed && html`<img src=${address} alt="" draggable=${false} onLoad=${() => setDrawn(true)} onError=${retry} />`}
  </span>`;
}

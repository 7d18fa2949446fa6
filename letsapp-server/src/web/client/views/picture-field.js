// @ts-check
// The picture of the reader or of a group, with the ways to choose another one and to remove it.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {Ref} from "../vendor/htm-preact.js" */
/** @import {Options} from "../actions/pictures.js" */
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { Avatar } from "./avatar.js";
import { CropDialog } from "./crop-dialog.js";
import { useClient } from "./hooks.js";
import { Icon } from "./icons.js";
import { Menu } from "./popover.js";

/**
 * @param {object} props
 * @param {Id} props.id
 * @param {string} props.name
 * @param {Id | null | undefined} props.picture
 * @param {"person" | "group"} props.kind
 * @param {(picture: Id | null) => Promise<unknown>} props.onSet
 */
export function PictureField({ id, name, picture, kind, onSet }) {
  const client = useClient();
  const [picked, setPicked] = useState(/** @type {File | null} */ (null));
  const [anchor, setAnchor] = useState(/** @type {HTMLElement | null} */ (null));
  /** @type {Ref<HTMLInputElement>} */
  const input = useRef(null);
  const choose = () => input.current.click();
  const items = [
    { icon: "camera", label: "Choose another", testid: "picture-choose", onSelect: choose },
    { icon: "trash", label: "Remove", testid: "picture-remove", danger: true, onSelect: () => client.attempt(() => onSet(null)) },
  ];
  const onChange = () => {
    setPicked(input.current.files?.[0] ?? null);
    // The same file can be picked again.
    input.current.value = "";
  };
  const save = (/** @type {Blob} */ square, /** @type {Options} */ options) => client.pictures.set(square, onSet, options);
  const label = picture ? "Change the picture" : "Add a picture";
  return html`<button
      type="button" class="picture-edit ${kind}" aria-label=${label} title=${label} aria-haspopup=${picture ? "menu" : undefined} data-testid="picture-edit"
      onClick=${(event) => (picture ? setAnchor(event.currentTarget) : choose())}
    >
      <${Avatar} id=${id} name=${name} picture=${picture} kind=${kind} size="large" />
      <span class="picture-badge"><${Icon} name="camera" /></span>
    </button>
    <input ref=${input} type="file" accept="image/*" hidden tabindex="-1" data-testid="picture-input" onChange=${onChange} />
    ${anchor && html`<${Menu} anchor=${anchor} label="Picture" testid="picture-menu" items=${items} onClose=${() => setAnchor(null)} />`}
    ${
      picked &&
      html`<${CropDialog}
      file=${picked} kind=${kind} onSave=${save} onClose=${() => setPicked(null)}
    />`
    }`;
}

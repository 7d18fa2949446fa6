// @ts-check
// The dialog that creates a group.
/** @import {Id, User} from "../../types/protocol.d.ts" */
/** @import {FormEvent} from "../../types/views.d.ts" */
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { Dialog } from "./elements.js";
import { go, useClient } from "./hooks.js";
import { PeoplePicker } from "./people-search.js";
import { chatAddress } from "./route.js";

/** @param {{onClose(): void}} props */
export function NewGroup({ onClose }) {
  const client = useClient();
  const [title, setTitle] = useState("");
  const [picked, setPicked] = useState(/** @type {User[]} */ ([]));
  const [busy, setBusy] = useState(false);
  const request = useRef(/** @type {{id: Id, wanted: string} | null} */ (null));

  const create = async (/** @type {FormEvent} */ event) => {
    event.preventDefault();
    const wanted = JSON.stringify([title.trim(), picked.map(({ id }) => id)]);
    // The same group keeps its id when it is tried again: the first request may have created it, with only the answer lost.
    if (request.current?.wanted !== wanted) request.current = { id: client.groups.newId(), wanted };
    const { id } = request.current;
    setBusy(true);
    await client.attempt(async () => go(chatAddress(await client.groups.create(id, title.trim(), picked))));
    setBusy(false);
  };

  return html`<${Dialog} title="New group" testid="new-group-dialog" onClose=${onClose}>
    <form class="dialog-form" onSubmit=${create}>
      <div class="field">
        <label for="group-title">Name of the group</label>
        <input
          id="group-title" class="input" data-testid="group-title" required maxlength="100" autocomplete="off" autofocus value=${title}
          onInput=${(event) => setTitle(event.currentTarget.value)}
        />
      </div>
      <${PeoplePicker} picked=${picked} onPick=${setPicked} />
      <footer class="dialog-foot">
        <button type="button" class="button quiet" onClick=${onClose}>Cancel</button>
        <button class="button" data-testid="create-group" disabled=${busy || !title.trim()}>Create group</button>
      </footer>
    </form>
  <//>`;
}

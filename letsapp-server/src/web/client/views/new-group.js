// The dialog that makes a group.
import { uuidv7 } from "../ids.js";
import { chatAddress } from "../route.js";
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { go, useClient } from "./bindings.js";
import { Dialog } from "./elements.js";
import { PeoplePicker } from "./people-search.js";

export function NewGroup({ onClose }) {
  const client = useClient();
  const [title, setTitle] = useState("");
  const [picked, setPicked] = useState([]);
  const [busy, setBusy] = useState(false);
  const request = useRef(null);

  const create = async (event) => {
    event.preventDefault();
    const wanted = JSON.stringify([title.trim(), picked.map(({ id }) => id)]);
    // The same group asked for again keeps its id, in case only the answer was lost.
    if (request.current?.wanted !== wanted) request.current = { id: uuidv7(), wanted };
    setBusy(true);
    await client.attempt(async () => go(chatAddress(await client.groups.create(request.current.id, title.trim(), picked))));
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

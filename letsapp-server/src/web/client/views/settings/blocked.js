// @ts-check
// The settings page of blocked people.
import { nameOf } from "../../text/names.js";
import { briefTimeOf } from "../../text/times.js";
import { html, useEffect } from "../../vendor/htm-preact.js";
import { Empty, Spinner } from "../elements.js";
import { useClient, useSelected } from "../hooks.js";
import { PersonText } from "../people-search.js";

export function Blocked() {
  const client = useClient();
  const blocks = useSelected((state) => state.blocks);
  const users = useSelected((state) => state.users);
  useEffect(() => void client.contacts.load().catch(() => {}), [client]);
  if (!blocks) return html`<${Spinner} label="Loading" />`;
  const ids = Object.keys(blocks).sort((a, b) => nameOf(users[a]).localeCompare(nameOf(users[b])));
  if (ids.length === 0) return html`<${Empty} title="Nobody">Whom you block can’t write to you or see when you are online.<//>`;
  return html`<ul class="rows" data-testid="blocked-list">
    ${ids.map(
      (id) => html`<li key=${id} class="row" data-testid="blocked" data-username=${users[id]?.username}>
        <${PersonText} person=${users[id] ?? { id }} note="Since ${briefTimeOf(blocks[id].blocked_at)}" />
        <button type="button" class="button quiet" data-testid="unblock" onClick=${() => client.attempt(() => client.contacts.unblock(id))}>Unblock</button>
      </li>`,
    )}
  </ul>`;
}

// @ts-check
// The drawer of the reader’s contacts, with a search for others to add.
/** @import {Person} from "../../types/state.d.ts" */
import { presenceText } from "../text/activity.js";
import { nameOf } from "../text/names.js";
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { Drawer } from "./drawer.js";
import { Empty, IconButton, moveFocus, Spinner } from "./elements.js";
import { go, useClient, usePresence, useSelected } from "./hooks.js";
import { PersonText, SearchField, usePeopleSearch } from "./people-search.js";
import { chatAddress } from "./route.js";

export function ContactsDrawer() {
  const client = useClient();
  const contacts = useSelected((state) => state.contacts);
  const users = useSelected((state) => state.users);
  const presence = useSelected((state) => state.presence);
  const [query, setQuery] = useState("");
  const { people } = usePeopleSearch(query);
  const ids = Object.keys(contacts ?? {});
  usePresence(ids);
  useEffect(() => void client.contacts.load().catch(() => {}), [client]);

  const wanted = query.trim().toLocaleLowerCase();
  const matches = (/** @type {Person} */ { username, display_name, alias }) =>
    [username, display_name, alias].some((name) => name?.toLocaleLowerCase().includes(wanted));
  const mine = ids
    .map((id) => users[id])
    .filter((person) => person && (!wanted || matches(person)))
    .sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
  const others = people.filter(({ id }) => !contacts?.[id]);
  const openChat = (/** @type {Person} */ person) =>
    client.attempt(async () => go(chatAddress(await client.groups.startDirect(person))));
  const add = (/** @type {Person} */ person) => client.attempt(() => client.contacts.save(person.id, ""));

  return html`<${Drawer} title="Contacts" testid="contacts-drawer">
    <${SearchField} label="Find people" testid="contact-search" value=${query} onInput=${setQuery} />
    <div onKeyDown=${(event) => moveFocus(event, ".row")}>
      ${!contacts && html`<${Spinner} label="Loading contacts" />`}
      ${contacts && ids.length === 0 && !wanted && html`<${Empty} title="No contacts yet">Search for someone, and keep them here under a name of your own.<//>`}
      <ul class="rows" data-testid="contacts-list">
        ${mine.map(
          (person) => html`<li key=${person.id}>
            <button type="button" class="row" data-testid="contact" data-username=${person.username} onClick=${() => openChat(person)}>
              <${PersonText} person=${person} note=${presenceText(presence[person.id]) || undefined} online=${presence[person.id]?.status === "online"} />
            </button>
          </li>`,
        )}
      </ul>
      ${others.length > 0 && html`<h3 class="list-title">Others</h3>`}
      <ul class="rows">
        ${others.map(
          (person) => html`<li key=${person.id} class="row-with-button">
            <button type="button" class="row" data-testid="other" data-username=${person.username} onClick=${() => openChat(person)}>
              <${PersonText} person=${users[person.id] ?? person} />
            </button>
            <${IconButton} icon="person-add" label="Add ${nameOf(person)} to contacts" testid="add-contact" onClick=${() => add(person)} />
          </li>`,
        )}
      </ul>
    </div>
  <//>`;
}

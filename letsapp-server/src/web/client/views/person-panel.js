// @ts-check
// The panel of a user: their profile, and what the reader can do about them.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {KnownConversation, Person as KnownPerson} from "../../types/state.d.ts" */
/** @import {VNode} from "../vendor/htm-preact.js" */
import { isMuted } from "../state/conversations.js";
import { presenceText } from "../text/activity.js";
import { nameOf } from "../text/names.js";
import { dateOf } from "../text/times.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Avatar } from "./avatar.js";
import { Block } from "./conversation-menu.js";
import { Dialog, Spinner } from "./elements.js";
import { Field, FormFault, faultOf, useForm } from "./form.js";
import { go, useClient, useProfiles, usePresence, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { Panel } from "./panel.js";
import { chatAddress } from "./route.js";

/** @param {{conversation: KnownConversation, userId: Id}} props */
export function PersonPanel({ conversation, userId }) {
  const person = useSelected((state) => state.users[userId]);
  useProfiles([userId]);
  usePresence([userId]);
  return html`<${Panel} title="Profile" testid="person-panel" conversation=${conversation}>
    ${person ? html`<${Person} person=${person} conversation=${conversation} />` : html`<${Spinner} label="Loading profile" />`}
  <//>`;
}

/** @param {{person: KnownPerson, conversation: KnownConversation}} props */
function Person({ person, conversation }) {
  const presence = useSelected((state) => state.presence[person.id]);
  const me = useSelected((state) => state.me.id);
  const seen = presenceText(presence);
  return html`<div class="panel-group">
      <${Avatar} id=${person.id} name=${nameOf(person)} picture=${person.avatar_media_id} size="large" online=${presence?.status === "online"} />
      <p class="panel-title" dir="auto" data-testid="person-name">${nameOf(person)}</p>
      ${person.username && html`<p class="hint">${person.alias && person.display_name ? `${person.display_name} · ` : ""}@${person.username}</p>`}
      ${seen && html`<p class="hint" data-testid="person-presence">${seen}</p>`}
      ${conversation.kind === "direct" && isMuted(conversation) && html`<p class="hint">Muted</p>`}
    </div>
    ${person.about && html`<section class="panel-about"><h3 class="list-title">About</h3><p dir="auto">${person.about}</p></section>`}
    ${person.id !== me && !person.deleted && html`<${Actions} person=${person} conversation=${conversation} />`}
    ${!person.deleted && html`<p class="panel-hint">Here since ${dateOf(person.created_at)}</p>`}`;
}

/** @param {{person: KnownPerson, conversation: KnownConversation}} props */
function Actions({ person, conversation }) {
  const client = useClient();
  const [asking, setAsking] = useState(/** @type {"alias" | "block" | null} */ (null));
  const contact = useSelected((state) => state.contacts?.[person.id]);
  const blocked = useSelected((state) => Boolean(state.blocks?.[person.id]));
  const openChat = () => client.attempt(async () => go(chatAddress(await client.groups.startDirect(person))));
  const close = () => setAsking(null);
  /** @type {(icon: string, label: string, testid: string, onClick: () => unknown, danger?: string) => VNode} */
  const item = (icon, label, testid, onClick, danger = "") =>
    html`<button type="button" class="menu-item ${danger}" data-testid=${testid} onClick=${onClick}><${Icon} name=${icon} />${label}</button>`;
  const remove = () => client.attempt(() => client.contacts.remove(person.id));
  const unblock = () => client.attempt(() => client.contacts.unblock(person.id));
  return html`
    ${conversation.peer?.id !== person.id && item("chat", "Message", "person-message", openChat)}
    ${item(contact ? "pencil" : "person-add", contact ? "Change contact name" : "Add to contacts", "keep-contact", () => setAsking("alias"))}
    ${contact && item("person-remove", "Remove from contacts", "drop-contact", remove)}
    ${blocked ? item("block", "Unblock", "unblock-person", unblock) : item("block", "Block", "block-person", () => setAsking("block"), "danger")}
    ${asking === "alias" && html`<${ContactDialog} person=${person} alias=${contact?.alias ?? ""} onClose=${close} />`}
    ${asking === "block" && html`<${Block} client=${client} peer=${person} onClose=${close} />`}
  `;
}

/** @param {{person: KnownPerson, alias: string, onClose(): void}} props */
function ContactDialog({ person, alias, onClose }) {
  const client = useClient();
  const { busy, problem, submit } = useForm(async (fields) => {
    await client.contacts.save(person.id, fields.alias);
    onClose();
  });
  return html`<${Dialog} title="Contact" testid="contact-dialog" onClose=${onClose}>
    <form class="dialog-form" onSubmit=${submit}>
      <${Field}
        name="alias" label="What you call them" optional value=${alias} placeholder=${person.display_name || person.username} autocomplete="off"
        hint="Only you see this name." fault=${faultOf(problem, "alias")} autofocus
      />
      <${FormFault} problem=${problem} fields=${["alias"]} />
      <footer class="dialog-foot">
        <button type="button" class="button quiet" onClick=${onClose}>Cancel</button>
        <button class="button" data-testid="contact-save" disabled=${busy}>Save</button>
      </footer>
    </form>
  <//>`;
}

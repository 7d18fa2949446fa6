// @ts-check
// The panel of a group: its description, its members, and what the reader may change.
/** @import {Id, Member, User} from "../../types/protocol.d.ts" */
/** @import {KnownConversation} from "../../types/state.d.ts" */
/** @import {ConversationDialogProps} from "../../types/views.d.ts" */
import { isMuted } from "../state/conversations.js";
import { isAllowed } from "../state/permissions.js";
import { countOf } from "../text/names.js";
import { dateOf } from "../text/times.js";
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { Avatar } from "./avatar.js";
import { Leave } from "./conversation-menu.js";
import { Confirm, Dialog, Spinner } from "./elements.js";
import { Field, FormFault, faultOf, useForm } from "./form.js";
import { go, useClient, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { MemberList } from "./member-list.js";
import { Panel } from "./panel.js";
import { PeoplePicker } from "./people-search.js";
import { PictureField } from "./picture-field.js";

/** @param {{conversation: KnownConversation}} props */
export function GroupPanel({ conversation }) {
  const client = useClient();
  const { id, title, about, me, avatar_media_id: picture } = conversation;
  const setPicture = (/** @type {Id | null} */ avatar_media_id) => client.groups.change(id, { avatar_media_id });
  const members = useSelected((state) => state.members[id]);
  const [asking, setAsking] = useState(/** @type {keyof typeof DIALOGS | null} */ (null));
  const close = () => setAsking(null);
  useEffect(() => void client.attempt(() => client.groups.loadMembers(id)), [id]);
  const item = (
    /** @type {string} */ icon,
    /** @type {string} */ label,
    /** @type {keyof typeof DIALOGS} */ testid,
    danger = "",
  ) =>
    html`<button type="button" class="menu-item ${danger}" data-testid=${testid} onClick=${() => setAsking(testid)}><${Icon} name=${icon} />${label}</button>`;
  const Asked = asking && DIALOGS[asking];

  return html`<${Panel} title="Group" label="Group: ${title}" testid="members-panel" conversation=${conversation}>
    <div class="panel-group">
      ${
        isAllowed(me.role, "describe") && !conversation.left
          ? html`<${PictureField} id=${id} name=${title} picture=${picture} kind="group" onSet=${setPicture} />`
          : html`<${Avatar} id=${id} name=${title} picture=${picture} kind="group" size="large" />`
      }
      <p class="panel-title" dir="auto" data-testid="group-name">${title}</p>
      <p class="hint">${countOf(conversation.member_count)}${isMuted(conversation) ? " · muted" : ""}</p>
    </div>
    ${about && html`<section class="panel-about"><h3 class="list-title">About</h3><p dir="auto" data-testid="group-about">${about}</p></section>`}
    ${isAllowed(me.role, "describe") && item("pencil", about ? "Edit name and description" : "Edit name, add a description", "edit-group")}
    ${isAllowed(me.role, "add") && item("person-add", "Add people", "add-members")}
    <h3 class="list-title">People</h3>
    ${members ? html`<${MemberList} conversation=${conversation} members=${members} />` : html`<${Spinner} label="Loading people" />`}
    ${item("leave", "Leave group", "leave", "danger")}
    ${isAllowed(me.role, "delete") && item("trash", "Delete group", "delete-group", "danger")}
    <p class="panel-hint">Made on ${dateOf(conversation.created_at)}</p>
    ${Asked && html`<${Asked} client=${client} conversation=${conversation} members=${members ?? []} onClose=${close} />`}
  <//>`;
}

/** @param {ConversationDialogProps} props */
function EditGroup({ client, conversation: { id, title, about, avatar_media_id }, onClose }) {
  const { busy, problem, submit } = useForm(async (fields) => {
    const now = { title: fields.title.trim(), about: fields.about.trim() };
    const before = new Map(Object.entries({ title, about }));
    const changed = Object.entries(now).filter(([field, value]) => value !== before.get(field));
    if (changed.length > 0) await client.groups.change(id, Object.fromEntries(changed));
    onClose();
  });
  return html`<${Dialog} title="Edit group" testid="edit-group-dialog" onClose=${onClose}>
    <form class="dialog-form" onSubmit=${submit}>
      <div class="picture-place"><${Avatar} id=${id} name=${title} picture=${avatar_media_id} kind="group" size="large" /></div>
      <${Field} name="title" label="Name" value=${title} autocomplete="off" maxlength="100" fault=${faultOf(problem, "title")} autofocus />
      <${Field} name="about" label="Description" optional value=${about} autocomplete="off" fault=${faultOf(problem, "about")} />
      <${FormFault} problem=${problem} fields=${["title", "about"]} words=${{ forbidden: "Only admins may change this." }} />
      <footer class="dialog-foot">
        <button type="button" class="button quiet" onClick=${onClose}>Cancel</button>
        <button class="button" data-testid="edit-group-save" disabled=${busy}>Save</button>
      </footer>
    </form>
  <//>`;
}

/** @param {ConversationDialogProps & {members: Member[]}} props */
function AddPeople({ client, conversation: { id }, members, onClose }) {
  const [picked, setPicked] = useState(/** @type {User[]} */ ([]));
  const [busy, setBusy] = useState(false);
  const add = async () => {
    setBusy(true);
    const done = await client.attempt(() => client.groups.addMembers(id, picked), {
      forbidden: "You can’t add all of these people.",
    });
    setBusy(false);
    if (done) onClose();
  };
  return html`<${Dialog} title="Add people" testid="add-members-dialog" onClose=${onClose}>
    <${PeoplePicker} picked=${picked} onPick=${setPicked} without=${members.map(({ user }) => user.id)} />
    <footer class="dialog-foot">
      <button type="button" class="button quiet" onClick=${onClose}>Cancel</button>
      <button type="button" class="button" data-testid="add-members-confirm" disabled=${busy || picked.length === 0} onClick=${add}>Add</button>
    </footer>
  <//>`;
}

/** @param {ConversationDialogProps} props */
function DeleteGroup({ client, conversation: { id, title }, onClose }) {
  const remove = async () => {
    onClose();
    if (await client.attempt(() => client.groups.delete(id))) go("#/");
  };
  return html`<${Confirm}
    title="Delete “${title}”?" text="It is gone for everyone in it, with all that was written. This can’t be undone." action="Delete"
    onConfirm=${remove} onClose=${onClose}
  />`;
}

const DIALOGS = { "edit-group": EditGroup, "add-members": AddPeople, leave: Leave, "delete-group": DeleteGroup };

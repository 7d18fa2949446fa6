// Who is in a group: adding, removing, leaving.
import { countOf, nameOf } from "../text.js";
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { chatAddress, go, useClient, useSelected } from "./bindings.js";
import { Avatar, Confirm, Dialog, IconButton, Spinner } from "./elements.js";
import { Icon } from "./icons.js";
import { PeoplePicker, PersonText } from "./people-search.js";

const RANK = { owner: 0, admin: 1, member: 2 };

export function PeoplePanel({ conversation }) {
  const client = useClient();
  const { id, title, me } = conversation;
  const members = useSelected((state) => state.members[id]);
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState(null);
  const [leaving, setLeaving] = useState(false);
  const close = () => go(chatAddress(id));
  const keys = (event) => event.key === "Escape" && !event.target.closest("dialog") && close();
  useEffect(() => void client.attempt(() => client.loadMembers(id)), [id]);

  const remove = () => {
    setRemoving(null);
    client.attempt(() => client.removeMember(id, removing.id));
  };
  const leave = async () => {
    setLeaving(false);
    if (await client.attempt(() => client.leave(id))) go("");
  };

  return html`<aside class="people-panel" aria-label="People in ${title}" data-testid="members-panel" onKeyDown=${keys}>
    <header class="panel-head">
      <h2>People</h2>
      <${IconButton} icon="close" label="Close" testid="members-close" onClick=${close} />
    </header>
    <div class="panel-body">
      <div class="panel-group">
        <${Avatar} id=${id} name=${title} kind="group" size="large" />
        <p class="panel-title" dir="auto">${title}</p>
        <p class="hint">${countOf(conversation.member_count)}</p>
      </div>
      ${
        me.role !== "member" &&
        html`<button type="button" class="menu-item" data-testid="add-members" onClick=${() => setAdding(true)}>
        <${Icon} name="person-add" />Add people
      </button>`
      }
      ${members ? html`<${Members} members=${members} role=${me.role} onRemove=${setRemoving} />` : html`<${Spinner} label="Loading people" />`}
      <button type="button" class="menu-item danger" data-testid="leave" onClick=${() => setLeaving(true)}>
        <${Icon} name="leave" />Leave group
      </button>
    </div>
    ${adding && html`<${AddPeople} id=${id} members=${members ?? []} onClose=${() => setAdding(false)} />`}
    ${
      removing &&
      html`<${Confirm}
      title="Remove ${nameOf(removing)}?" text="They keep what they have read so far, and see nothing new." action="Remove"
      onConfirm=${remove} onClose=${() => setRemoving(null)}
    />`
    }
    ${
      leaving &&
      html`<${Confirm}
      title="Leave “${title}”?" text="You will no longer see what is written here." action="Leave" onConfirm=${leave} onClose=${() => setLeaving(false)}
    />`
    }
  </aside>`;
}

function Members({ members, role, onRemove }) {
  const { store } = useClient();
  const mine = store.state.me.id;
  const sorted = members.toSorted((a, b) => RANK[a.role] - RANK[b.role] || nameOf(a.user).localeCompare(nameOf(b.user)));
  const removable = (member) => member.user.id !== mine && (role === "owner" || (role === "admin" && member.role === "member"));
  return html`<ul class="rows" data-testid="members">
    ${sorted.map(
      (
        member,
      ) => html`<li key=${member.user.id} class="row" data-testid="member" data-username=${member.user.username} data-role=${member.role}>
        <${PersonText} person=${member.user} note=${member.user.id === mine ? "You" : undefined} />
        ${member.role !== "member" && html`<span class="role">${member.role === "owner" ? "Owner" : "Admin"}</span>`}
        ${
          removable(member) &&
          html`<${IconButton} icon="person-remove" label="Remove ${nameOf(member.user)}" testid="remove-member" onClick=${() => onRemove(member.user)} />`
        }
      </li>`,
    )}
  </ul>`;
}

function AddPeople({ id, members, onClose }) {
  const client = useClient();
  const [picked, setPicked] = useState([]);
  const [busy, setBusy] = useState(false);
  const add = async () => {
    setBusy(true);
    const done = await client.attempt(() => client.addMembers(id, picked));
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

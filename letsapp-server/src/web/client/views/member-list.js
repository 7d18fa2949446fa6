// The members of a group with their roles, and what the reader may do with each.
import { chatAddress } from "../route.js";
import { byRank, stepsFor } from "../state/permissions.js";
import { nameOf } from "../text.js";
import { html, useState } from "../vendor/htm-preact.js";
import { useClient, usePresence, useSelected } from "./bindings.js";
import { Confirm, IconButton, moveFocus } from "./elements.js";
import { PersonText } from "./people-search.js";
import { Menu } from "./popover.js";

const ROLES = { owner: "Owner", admin: "Admin" };
/** Following the presence of a large group would ask for more than is looked at. */
const FOLLOWED = 50;

const STEPS = {
  promote: { icon: "shield", label: "Make an admin", role: "admin" },
  demote: { icon: "shield-off", label: "No longer an admin", role: "member" },
  "hand over": {
    icon: "crown",
    label: "Hand the group over",
    role: "owner",
    title: (name) => `Hand the group over to ${name}?`,
    text: "They become the owner, and you an admin.",
    action: "Hand over",
  },
  remove: {
    icon: "person-remove",
    label: "Remove from the group",
    danger: true,
    title: (name) => `Remove ${name}?`,
    text: "They keep what they have read so far, and see nothing new.",
    action: "Remove",
  },
};

export function MemberList({ conversation, members }) {
  const client = useClient();
  const { id, me } = conversation;
  const mine = useSelected((state) => state.me.id);
  const users = useSelected((state) => state.users);
  const presence = useSelected((state) => state.presence);
  /** What is to be confirmed: `{step, person}`. */
  const [asking, setAsking] = useState(null);
  const people = members.map((member) => ({ ...member, user: users[member.user.id] ?? member.user }));
  const sorted = people.sort((a, b) => byRank(a, b) || nameOf(a.user).localeCompare(nameOf(b.user)));
  usePresence(
    sorted
      .slice(0, FOLLOWED)
      .map(({ user }) => user.id)
      .filter((user) => user !== mine),
  );

  const take = (step, person) => {
    setAsking(null);
    const { role } = STEPS[step];
    client.attempt(() => (role ? client.groups.changeRole(id, person.id, role) : client.groups.remove(id, person.id)), {
      forbidden: "You may not do that in this group.",
    });
  };
  const choose = (step, person) => (STEPS[step].title ? setAsking({ step, person }) : take(step, person));
  const { title, text, action } = STEPS[asking?.step] ?? {};

  return html`<ul class="rows" data-testid="members" onKeyDown=${(event) => moveFocus(event, "a.row")}>
      ${sorted.map(
        (member) => html`<li
          key=${member.user.id} class="row-with-button" data-testid="member" data-username=${member.user.username} data-role=${member.role}
        >
          <a class="row" href=${chatAddress(id, `person/${member.user.id}`)}>
            <${PersonText}
              person=${member.user} size="small" note=${member.user.id === mine ? "You" : undefined}
              online=${presence[member.user.id]?.status === "online"}
            />
            ${ROLES[member.role] && html`<span class="role">${ROLES[member.role]}</span>`}
          </a>
          <${Steps} steps=${member.user.id === mine ? [] : stepsFor(me.role, member.role)} person=${member.user} onChoose=${choose} />
        </li>`,
      )}
    </ul>
    ${
      asking &&
      html`<${Confirm}
      title=${title(nameOf(asking.person))} text=${text} action=${action} onConfirm=${() => take(asking.step, asking.person)} onClose=${() => setAsking(null)}
    />`
    }`;
}

function Steps({ steps, person, onChoose }) {
  const [anchor, setAnchor] = useState(null);
  if (steps.length === 0) return null;
  const items = steps.map((step) => ({
    ...STEPS[step],
    testid: step.replace(" ", "-"),
    onSelect: () => onChoose(step, person),
  }));
  return html`<${IconButton}
      icon="more" label="What to do with ${nameOf(person)}" testid="member-menu" aria-haspopup="menu" onClick=${(event) => setAnchor(event.currentTarget)}
    />
    ${anchor && html`<${Menu} anchor=${anchor} label=${nameOf(person)} testid="member-steps" items=${items} onClose=${() => setAnchor(null)} />`}`;
}

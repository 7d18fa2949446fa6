// @ts-check
// The members of a group with their roles, and the actions on each.
/** @import {Member, Role, User} from "../../types/protocol.d.ts" */
/** @import {KnownConversation} from "../../types/state.d.ts" */
/** @import {MemberAction} from "../state/permissions.js" */
import { byRank, memberActions } from "../state/permissions.js";
import { nameOf } from "../text/names.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Confirm, IconButton, moveFocus } from "./elements.js";
import { useClient, usePresence, useSelected } from "./hooks.js";
import { PersonText } from "./people-search.js";
import { Menu } from "./popover.js";
import { chatAddress } from "./route.js";

/** @type {Partial<Record<Role, string>>} */
const ROLES = { owner: "Owner", admin: "Admin" };
/** The most members whose presence is followed: as many as anybody looks at in a large group. */
const MAX_WATCHED = 50;

/**
 * An action on a member. One with a `title` asks for confirmation; one with a `role` gives it to the member, the other removes them.
 * @typedef {object} ActionInfo
 * @property {string} icon
 * @property {string} label
 * @property {Role} [role]
 * @property {boolean} [danger]
 * @property {(name: string) => string} [title]
 * @property {string} [text]
 * @property {string} [confirmLabel]
 */
/** @type {Record<MemberAction, ActionInfo>} */
const ACTIONS = {
  promote: { icon: "shield", label: "Make an admin", role: "admin" },
  demote: { icon: "shield-off", label: "No longer an admin", role: "member" },
  "hand over": {
    icon: "crown",
    label: "Hand the group over",
    role: "owner",
    title: (name) => `Hand the group over to ${name}?`,
    text: "They become the owner, and you an admin.",
    confirmLabel: "Hand over",
  },
  remove: {
    icon: "person-remove",
    label: "Remove from the group",
    danger: true,
    title: (name) => `Remove ${name}?`,
    text: "They keep what they have read so far, and see nothing new.",
    confirmLabel: "Remove",
  },
};

/** @param {{conversation: KnownConversation, members: Member[]}} props */
export function MemberList({ conversation, members }) {
  const client = useClient();
  const { id, me } = conversation;
  const mine = useSelected((state) => state.me.id);
  const users = useSelected((state) => state.users);
  const presence = useSelected((state) => state.presence);
  /** The action that is to be confirmed. */
  const [asking, setAsking] = useState(/** @type {{action: MemberAction, person: User} | null} */ (null));
  const people = members.map((member) => ({ ...member, user: users[member.user.id] ?? member.user }));
  const sorted = people.sort((a, b) => byRank(a, b) || nameOf(a.user).localeCompare(nameOf(b.user)));
  usePresence(
    sorted
      .slice(0, MAX_WATCHED)
      .map(({ user }) => user.id)
      .filter((user) => user !== mine),
  );

  const run = (/** @type {MemberAction} */ action, /** @type {User} */ person) => {
    setAsking(null);
    const { role } = ACTIONS[action];
    client.attempt(() => (role ? client.groups.changeRole(id, person.id, role) : client.groups.removeMember(id, person.id)), {
      forbidden: "You may not do that in this group.",
    });
  };
  const choose = (/** @type {MemberAction} */ action, /** @type {User} */ person) =>
    ACTIONS[action].title ? setAsking({ action, person }) : run(action, person);
  const { title, text, confirmLabel } = asking ? ACTIONS[asking.action] : {};

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
          <${MemberMenu} actions=${member.user.id === mine ? [] : memberActions(me.role, member.role)} person=${member.user} onChoose=${choose} />
        </li>`,
      )}
    </ul>
    ${
      asking &&
      html`<${Confirm}
      title=${title?.(nameOf(asking.person))} text=${text} action=${confirmLabel} onConfirm=${() => run(asking.action, asking.person)} onClose=${() => setAsking(null)}
    />`
    }`;
}

/**
 * The menu of actions on a member.
 * @param {{actions: MemberAction[], person: User, onChoose(action: MemberAction, person: User): void}} props
 */
function MemberMenu({ actions, person, onChoose }) {
  const [anchor, setAnchor] = useState(/** @type {HTMLElement | null} */ (null));
  if (actions.length === 0) return null;
  const items = actions.map((action) => ({
    ...ACTIONS[action],
    testid: action.replace(" ", "-"),
    onSelect: () => onChoose(action, person),
  }));
  return html`<${IconButton}
      icon="more" label="What to do with ${nameOf(person)}" testid="member-menu" aria-haspopup="menu" onClick=${(event) => setAnchor(event.currentTarget)}
    />
    ${anchor && html`<${Menu} anchor=${anchor} label=${nameOf(person)} testid="member-actions" items=${items} onClose=${() => setAnchor(null)} />`}`;
}

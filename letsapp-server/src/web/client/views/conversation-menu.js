// @ts-check
// The menu of a conversation, from the list or from its head: pin, mute, archive, block, leave, remove from the list.
/** @import {MembershipChanges, User} from "../../types/protocol.d.ts" */
/** @import {KnownConversation} from "../../types/state.d.ts" */
/** @import {ConversationDialogProps, MenuItem} from "../../types/views.d.ts" */
/** @import {Client} from "../actions/client.js" */
import { isMuted } from "../state/conversations.js";
import { nameOf } from "../text/names.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Confirm, Dialog } from "./elements.js";
import { go, useSelected } from "./hooks.js";
import { chatAddress } from "./route.js";

const HOUR_MS = 3_600_000;
/** The times for which a conversation can be muted. The server has no "always": the last one is far beyond anybody’s life. */
const MUTE_SPANS = [
  { label: "For 8 hours", testid: "mute-8h", until: () => new Date(Date.now() + 8 * HOUR_MS).toISOString() },
  { label: "For a week", testid: "mute-week", until: () => new Date(Date.now() + 7 * 24 * HOUR_MS).toISOString() },
  { label: "Until I turn it on again", testid: "mute-always", until: () => "9000-01-01T00:00:00.000Z" },
];

/**
 * Returns the items of the menu, and the dialog that one of them has opened.
 * @param {Client} client
 * @param {KnownConversation} conversation
 * @param {{inChat?: boolean}} options
 */
export function useConversationMenu(client, conversation, { inChat = false } = {}) {
  const { id, kind, peer, me } = conversation;
  const [asking, setAsking] = useState(/** @type {keyof typeof DIALOGS | null} */ (null));
  const blocked = useSelected((state) => Boolean(peer && state.blocks?.[peer.id]));
  const close = () => setAsking(null);
  const change = (/** @type {MembershipChanges} */ changes) => client.attempt(() => client.groups.changeMembership(id, changes));
  /** @type {MenuItem[]} */
  const leftItems = [
    { icon: "trash", label: "Remove from the list", testid: "unlist", danger: true, onSelect: () => setAsking("unlist") },
  ];
  /** @type {(MenuItem | false | undefined)[]} */
  const items = [
    inChat && {
      icon: "info",
      label: kind === "group" ? "Group details" : "Profile",
      testid: "details",
      onSelect: () => go(chatAddress(id, "info")),
    },
    { icon: "pin", label: me.pinned ? "Unpin" : "Keep on top", testid: "pin", onSelect: () => change({ pinned: !me.pinned }) },
    isMuted(conversation)
      ? { icon: "bell", label: "Unmute", testid: "unmute", onSelect: () => change({ muted_until: null }) }
      : { icon: "bell-off", label: "Mute", testid: "mute", onSelect: () => setAsking("mute") },
    {
      icon: "archive",
      label: me.archived ? "Move to chats" : "Archive",
      testid: "archive",
      onSelect: () => change({ archived: !me.archived }),
    },
    peer &&
      !peer.deleted && {
        icon: "block",
        label: blocked ? "Unblock" : "Block",
        testid: blocked ? "unblock" : "block",
        danger: !blocked,
        onSelect: () => (blocked ? client.attempt(() => client.contacts.unblock(peer.id)) : setAsking("block")),
      },
    kind === "group" && {
      icon: "leave",
      label: "Leave group",
      testid: "menu-leave",
      danger: true,
      onSelect: () => setAsking("leave"),
    },
  ];
  return {
    items: conversation.left ? leftItems : items.filter((item) => item !== false && item !== undefined),
    dialog: asking && html`<${DIALOGS[asking]} client=${client} conversation=${conversation} peer=${peer} onClose=${close} />`,
  };
}

/** @param {ConversationDialogProps} props */
function Mute({ client, conversation: { id }, onClose }) {
  const mute = (/** @type {string} */ until) => {
    onClose();
    client.attempt(() => client.groups.changeMembership(id, { muted_until: until }));
  };
  return html`<${Dialog} title="Mute this chat" testid="mute-dialog" onClose=${onClose}>
    <p class="dialog-text">Messages still arrive, without a word and without a number in the title.</p>
    <div class="choices">
      ${MUTE_SPANS.map(
        ({ label, testid, until }) =>
          html`<button type="button" key=${testid} class="menu-item" data-testid=${testid} onClick=${() => mute(until())}>${label}</button>`,
      )}
    </div>
  <//>`;
}

/** @param {{client: Client, peer: User, onClose(): void}} props */
export function Block({ client, peer, onClose }) {
  const block = () => {
    onClose();
    client.attempt(() => client.contacts.block(peer.id));
  };
  return html`<${Confirm}
    title="Block ${nameOf(peer)}?" text="They can’t write to you or see when you are online. They are not told." action="Block"
    onConfirm=${block} onClose=${onClose}
  />`;
}

/** @param {ConversationDialogProps} props */
export function Leave({ client, conversation: { id, title, me }, onClose }) {
  const leave = async () => {
    onClose();
    if (await client.attempt(() => client.groups.leave(id))) go("#/");
  };
  const heir = me.role === "owner" ? " The group goes to the admin, or else the member, who has been here longest." : "";
  return html`<${Confirm}
    title="Leave “${title}”?" text="You will no longer see what is written here.${heir}" action="Leave" onConfirm=${leave} onClose=${onClose}
  />`;
}

/** @param {ConversationDialogProps} props */
function Unlist({ client, conversation: { id, title }, onClose }) {
  const remove = () => {
    onClose();
    client.attempt(() => client.groups.removeLeft(id));
  };
  return html`<${Confirm}
    title="Remove “${title}” from the list?" text="You will no longer see the group here, with what was written until you left." action="Remove"
    onConfirm=${remove} onClose=${onClose}
  />`;
}

const DIALOGS = { mute: Mute, block: Block, leave: Leave, unlist: Unlist };

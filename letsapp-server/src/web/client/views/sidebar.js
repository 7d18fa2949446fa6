// @ts-check
// The list of conversations with the search above it, or a drawer in its place.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {KnownConversation} from "../../types/state.d.ts" */
/** @import {KeyEvent} from "../../types/views.d.ts" */
/** @import {Children, Ref} from "../vendor/htm-preact.js" */
import { byActivity, leftGroups } from "../state/conversations.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { AccountMenu } from "./account-menu.js";
import { ContactsDrawer } from "./contacts.js";
import { ConversationItem } from "./conversation-item.js";
import { Empty, IconButton, moveFocus, Spinner } from "./elements.js";
import { drawerAddress, go, useClient, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { SearchField } from "./people-search.js";
import { SearchResults } from "./search-results.js";
import { SettingsDrawer } from "./settings/drawer.js";

/** @typedef {"chats" | "archived" | "left"} Part */

/** @param {{selected: Id | null, drawer: string | null}} props */
export function Sidebar({ selected, drawer }) {
  const [query, setQuery] = useState("");
  const [part, setPart] = useState(/** @type {Part} */ ("chats"));
  /** @type {Ref<HTMLElement>} */
  const list = useRef(null);
  /** @returns {HTMLElement | null} */
  const firstRow = () => list.current.querySelector(".row");
  const onKeyDown = (/** @type {KeyEvent} */ event) => {
    if (event.key === "Escape") setQuery("");
    if (event.key === "Enter") firstRow()?.click();
    if (event.key === "ArrowDown") {
      event.preventDefault();
      firstRow()?.focus();
    }
  };
  if (drawer === "contacts") return html`<nav class="sidebar" aria-label="Contacts"><${ContactsDrawer} /></nav>`;
  if (drawer?.startsWith("settings"))
    return html`<nav class="sidebar" aria-label="Settings"><${SettingsDrawer} page=${drawer.slice(9)} /></nav>`;
  return html`<nav class="sidebar" aria-label="Conversations">
    <header class="sidebar-head">
      <h1 class="wordmark">LetsApp</h1>
      <${IconButton} icon="contacts" label="Contacts" testid="contacts" onClick=${() => go(drawerAddress("contacts"))} />
      <${IconButton} icon="group-add" label="New group" testid="new-group" onClick=${() => go(drawerAddress("group"))} />
      <${AccountMenu} />
    </header>
    <${SearchField} label="Search people, chats and messages" hint="Search" testid="search" value=${query} onInput=${setQuery} onKeyDown=${onKeyDown} />
    <div class="sidebar-list" ref=${list}>
      ${
        query.trim()
          ? html`<${SearchResults} query=${query} selected=${selected} onDone=${() => setQuery("")} />`
          : html`<${Conversations} selected=${selected} part=${part} onPart=${setPart} />`
      }
    </div>
  </nav>`;
}

/** @param {{selected: Id | null, part: Part, onPart(part: Part): void}} props */
function Conversations({ selected, part, onPart }) {
  const table = useSelected((state) => state.conversations);
  const ready = useSelected((state) => state.ready);
  const conversations = useMemo(() => byActivity(table), [table]);
  const archivedOnes = conversations.filter(({ me }) => me.archived);
  const archived = part === "archived";
  const shown = archived ? archivedOnes : conversations.filter(({ me }) => !me.archived);
  useEffect(() => {
    if (archived && ready && archivedOnes.length === 0) onPart("chats");
  }, [archived, ready, archivedOnes.length]);

  if (!ready) return html`<${Spinner} label="Loading conversations" />`;
  if (part === "left") return html`<${LeftGroups} selected=${selected} onBack=${() => onPart("chats")} />`;
  return html`
    ${archivedOnes.length > 0 && html`<${Archive} open=${archived} conversations=${archivedOnes} onToggle=${() => onPart(archived ? "chats" : "archived")} />`}
    ${
      conversations.length === 0
        ? html`<${Empty} title="Nobody here yet">Search for someone’s name or username above to start talking.<//>`
        : html`<${Rows} conversations=${shown} selected=${selected} />`
    }
    ${!archived && html`<${Toggle} icon="leave" testid="left-groups" onToggle=${() => onPart("left")}>Groups you have left<//>`}
  `;
}

/** @param {{conversations: KnownConversation[], selected: Id | null}} props */
function Rows({ conversations, selected }) {
  return html`<ul class="rows" data-testid="conversations" onKeyDown=${(event) => moveFocus(event, ".row")}>
    ${conversations.map(
      (conversation) => html`<li key=${conversation.id}>
        <${ConversationItem} conversation=${conversation} selected=${conversation.id === selected} />
      </li>`,
    )}
  </ul>`;
}

/**
 * The groups that the reader has left, as they were then.
 * @param {{selected: Id | null, onBack(): void}} props
 */
function LeftGroups({ selected, onBack }) {
  const client = useClient();
  const table = useSelected((state) => state.conversations);
  const ids = useSelected((state) => state.leftGroups);
  const groups = useMemo(() => leftGroups({ conversations: table, leftGroups: ids }), [table, ids]);
  const online = useSelected((state) => state.connection.status === "online");
  const known = ids !== null;
  useEffect(() => {
    if (online && !known) client.attempt(() => client.groups.loadLeft());
  }, [client, online, known]);
  return html`
    <${Toggle} icon="back" testid="left-groups" open onToggle=${onBack}>Back to chats<//>
    ${!groups && html`<${Spinner} label="Loading groups" />`}
    ${groups?.length === 0 && html`<${Empty} title="None">Groups that you leave stay here until you remove them.<//>`}
    ${groups && html`<${Rows} conversations=${groups} selected=${selected} />`}
  `;
}

/**
 * The button to the archived chats, and back.
 * @param {{open: boolean, conversations: KnownConversation[], onToggle(): void}} props
 */
function Archive({ open, conversations, onToggle }) {
  const unread = conversations.filter(({ me }) => me.unread > 0).length;
  const count = unread > 0 ? `${unread} unread` : conversations.length;
  return html`<${Toggle} icon=${open ? "back" : "archive"} testid="archived" open=${open} count=${open ? null : count} onToggle=${onToggle}>
    ${open ? "Back to chats" : "Archived"}
  <//>`;
}

/**
 * A button to another part of the list, and back.
 * @param {object} props
 * @param {string} props.icon
 * @param {string} props.testid
 * @param {boolean} [props.open]
 * @param {string | number | null} [props.count]
 * @param {() => void} props.onToggle
 * @param {Children} props.children
 */
function Toggle({ icon, testid, open = false, count = null, onToggle, children }) {
  return html`<button type="button" class="archive-toggle" data-testid=${testid} aria-expanded=${open} onClick=${onToggle}>
    <${Icon} name=${icon} />
    <span>${children}</span>
    ${count !== null && html`<span class="archive-count">${count}</span>`}
  </button>`;
}

// @ts-check
// The list of conversations with the search above it, or a drawer in its place.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {KnownConversation} from "../../types/state.d.ts" */
/** @import {KeyEvent} from "../../types/views.d.ts" */
/** @import {Ref} from "../vendor/htm-preact.js" */
import { byActivity } from "../state/conversations.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { AccountMenu } from "./account-menu.js";
import { ContactsDrawer } from "./contacts.js";
import { ConversationItem } from "./conversation-item.js";
import { Empty, IconButton, moveFocus, Spinner } from "./elements.js";
import { drawerAddress, go, useSelected } from "./hooks.js";
import { Icon } from "./icons.js";
import { SearchField } from "./people-search.js";
import { SearchResults } from "./search-results.js";
import { SettingsDrawer } from "./settings/drawer.js";

/** @param {{selected: Id | null, drawer: string | null}} props */
export function Sidebar({ selected, drawer }) {
  const [query, setQuery] = useState("");
  const [archived, setArchived] = useState(false);
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
          : html`<${Conversations} selected=${selected} archived=${archived} onArchived=${setArchived} />`
      }
    </div>
  </nav>`;
}

/** @param {{selected: Id | null, archived: boolean, onArchived(archived: boolean): void}} props */
function Conversations({ selected, archived, onArchived }) {
  const table = useSelected((state) => state.conversations);
  const ready = useSelected((state) => state.ready);
  const conversations = useMemo(() => byActivity(table), [table]);
  const archivedOnes = conversations.filter(({ me }) => me.archived);
  const shown = archived ? archivedOnes : conversations.filter(({ me }) => !me.archived);
  useEffect(() => {
    if (archived && ready && archivedOnes.length === 0) onArchived(false);
  }, [archived, ready, archivedOnes.length]);

  if (!ready) return html`<${Spinner} label="Loading conversations" />`;
  if (conversations.length === 0) {
    return html`<${Empty} title="Nobody here yet">Search for someone’s name or username above to start talking.<//>`;
  }
  return html`
    ${archivedOnes.length > 0 && html`<${Archive} open=${archived} conversations=${archivedOnes} onToggle=${() => onArchived(!archived)} />`}
    <ul class="rows" data-testid="conversations" onKeyDown=${(event) => moveFocus(event, ".row")}>
      ${shown.map(
        (conversation) => html`<li key=${conversation.id}>
          <${ConversationItem} conversation=${conversation} selected=${conversation.id === selected} />
        </li>`,
      )}
    </ul>
  `;
}

/**
 * The button to the archived chats, and back.
 * @param {{open: boolean, conversations: KnownConversation[], onToggle(): void}} props
 */
function Archive({ open, conversations, onToggle }) {
  const unread = conversations.filter(({ me }) => me.unread > 0).length;
  return html`<button type="button" class="archive-toggle" data-testid="archived" aria-expanded=${open} onClick=${onToggle}>
    <${Icon} name=${open ? "back" : "archive"} />
    <span>${open ? "Back to chats" : "Archived"}</span>
    ${!open && html`<span class="archive-count">${unread > 0 ? `${unread} unread` : conversations.length}</span>`}
  </button>`;
}

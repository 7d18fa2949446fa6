// The list of conversations, and the search above it.
import { byActivity } from "../state/conversations.js";
import { nameOf, titleOf } from "../text.js";
import { html, useMemo, useState } from "../vendor/htm-preact.js";
import { chatAddress, go, useClient, useSelected } from "./bindings.js";
import { ConversationItem } from "./conversation-item.js";
import { Avatar, Confirm, Empty, IconButton, moveFocus, Popover, Spinner } from "./elements.js";
import { Icon } from "./icons.js";
import { NewGroup } from "./new-group.js";
import { PersonText, SearchField, usePeopleSearch } from "./people-search.js";

export function Sidebar({ selected }) {
  const [query, setQuery] = useState("");
  const [makingGroup, setMakingGroup] = useState(false);
  const keys = (event) => {
    if (event.key === "Escape") setQuery("");
    if (event.key === "Enter") document.querySelector(".sidebar .rows .row")?.click();
  };
  return html`<nav class="sidebar" aria-label="Conversations">
    <header class="sidebar-head">
      <h1 class="wordmark">LetsApp</h1>
      <${IconButton} icon="person-add" label="New group" testid="new-group" onClick=${() => setMakingGroup(true)} />
      <${Account} />
    </header>
    <${SearchField} label="Find people or chats" testid="search" value=${query} onInput=${setQuery} onKeyDown=${keys} />
    <div class="sidebar-list">
      ${
        query.trim()
          ? html`<${Found} query=${query} selected=${selected} onDone=${() => setQuery("")} />`
          : html`<${Conversations} selected=${selected} />`
      }
    </div>
    ${makingGroup && html`<${NewGroup} onClose=${() => setMakingGroup(false)} />`}
  </nav>`;
}

function Conversations({ selected }) {
  const table = useSelected((state) => state.conversations);
  const ready = useSelected((state) => state.ready);
  const conversations = useMemo(() => byActivity(table), [table]);
  if (!ready) return html`<${Spinner} label="Loading conversations" />`;
  if (conversations.length === 0) {
    return html`<${Empty} title="Nobody here yet">Search for someone’s name or username above to start talking.<//>`;
  }
  return html`<ul class="rows" data-testid="conversations" onKeyDown=${(event) => moveFocus(event, ".row")}>
    ${conversations.map(
      (conversation) => html`<li key=${conversation.id}>
        <${ConversationItem} conversation=${conversation} selected=${conversation.id === selected} />
      </li>`,
    )}
  </ul>`;
}

/** Own chats whose title fits, then people. */
function Found({ query, selected, onDone }) {
  const client = useClient();
  const table = useSelected((state) => state.conversations);
  const users = useSelected((state) => state.users);
  const { people, searching } = usePeopleSearch(query);
  const wanted = query.trim().toLocaleLowerCase();
  const chats = byActivity(table).filter((conversation) => titleOf(conversation, users).toLocaleLowerCase().includes(wanted));

  const open = (person) =>
    client.attempt(async () => {
      go(chatAddress(await client.startDirect(person)));
      onDone();
    });

  return html`<div class="found" onKeyDown=${(event) => moveFocus(event, ".row")}>
    ${
      chats.length > 0 &&
      html`<h2 class="list-title">Chats</h2>
      <ul class="rows">
        ${chats.map(
          (conversation) => html`<li key=${conversation.id} onClick=${onDone}>
            <${ConversationItem} conversation=${conversation} selected=${conversation.id === selected} />
          </li>`,
        )}
      </ul>`
    }
    ${
      people.length > 0 &&
      html`<h2 class="list-title">People</h2>
      <ul class="rows" data-testid="results">
        ${people.map(
          (person) => html`<li key=${person.id}>
            <button type="button" class="row" data-testid="result" data-username=${person.username} onClick=${() => open(person)}>
              <${PersonText} person=${person} />
            </button>
          </li>`,
        )}
      </ul>`
    }
    ${searching && people.length === 0 && html`<${Spinner} label="Searching" />`}
    ${!searching && people.length + chats.length === 0 && html`<${Empty} title="No match">Nobody’s name begins with “${query.trim()}”.<//>`}
  </div>`;
}

function Account() {
  const client = useClient();
  const me = useSelected((state) => state.me);
  const unsent = useSelected((state) => state.outbox.length);
  const [anchor, setAnchor] = useState(null);
  const [asking, setAsking] = useState(false);
  const signOut = () => (unsent > 0 ? setAsking(true) : client.signOut());
  return html`
    <button
      type="button" class="account" aria-label="Your account" aria-haspopup="dialog" data-testid="account"
      onClick=${(event) => setAnchor(event.currentTarget)}
    >
      <${Avatar} id=${me.id} name=${nameOf(me)} size="small" />
    </button>
    ${
      anchor &&
      html`<${Popover} anchor=${anchor} label="Your account" onClose=${() => setAnchor(null)}>
      <div class="menu">
        <div class="menu-person"><${PersonText} person=${me} /></div>
        <button type="button" class="menu-item" data-testid="sign-out" onClick=${signOut}>
          <${Icon} name="leave" />Sign out
        </button>
      </div>
    <//>`
    }
    ${
      asking &&
      html`<${Confirm}
      title="Sign out?" text=${`${unsent === 1 ? "A message" : `${unsent} messages`} you wrote could not be sent yet, and would be lost.`}
      action="Sign out" onConfirm=${() => client.signOut()} onClose=${() => setAsking(false)}
    />`
    }
  `;
}

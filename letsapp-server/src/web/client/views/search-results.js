// @ts-check
// The results of the search above the list: chats by title, people by name, messages by their words.
/** @import {Id, User} from "../../types/protocol.d.ts" */
/** @import {ClickEvent} from "../../types/views.d.ts" */
import { byActivity } from "../state/conversations.js";
import { titleOf } from "../text/names.js";
import { nothingFound } from "../text/search.js";
import { html } from "../vendor/htm-preact.js";
import { ConversationItem } from "./conversation-item.js";
import { Empty, moveFocus, Spinner } from "./elements.js";
import { go, useClient, useSelected } from "./hooks.js";
import { MessageResults, useMessageSearch } from "./message-results.js";
import { PersonText, usePeopleSearch } from "./people-search.js";
import { chatAddress } from "./route.js";

/** @param {{query: string, selected: Id | null, onDone(): void}} props */
export function SearchResults({ query, selected, onDone }) {
  const client = useClient();
  const table = useSelected((state) => state.conversations);
  const users = useSelected((state) => state.users);
  const { people, searching } = usePeopleSearch(query);
  const messages = useMessageSearch(query);
  const wanted = query.trim().toLocaleLowerCase();
  const chats = byActivity(table).filter((conversation) => titleOf(conversation, users).toLocaleLowerCase().includes(wanted));
  const count = people.length + chats.length + messages.items.length;
  const none = nothingFound(query.trim(), { partial: messages.partial, here: false });

  const open = (/** @type {User} */ person) =>
    client.attempt(async () => {
      go(chatAddress(await client.groups.startDirect(person)));
      onDone();
    });

  // Only the link leads to the chat, not the button beside it or the menu and dialogs that it opens.
  const follow = (/** @type {ClickEvent} */ event) => event.target.closest("a.conversation") && onDone();

  return html`<div class="found" onKeyDown=${(event) => moveFocus(event, ".row")}>
    ${
      chats.length > 0 &&
      html`<h2 class="list-title">Chats</h2>
      <ul class="rows">
        ${chats.map(
          (conversation) => html`<li key=${conversation.id} onClick=${follow}>
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
              <${PersonText} person=${users[person.id] ?? person} />
            </button>
          </li>`,
        )}
      </ul>`
    }
    ${
      (messages.items.length > 0 || (messages.partial && count > 0)) &&
      html`<h2 class="list-title">Messages</h2>
      <${MessageResults} search=${messages} everywhere />`
    }
    ${(searching || messages.searching) && count === 0 && html`<${Spinner} label="Searching" />`}
    ${
      !searching &&
      !messages.searching &&
      count === 0 &&
      html`<${Empty} title=${none.title}>${none.text}<//>`
    }
  </div>`;
}

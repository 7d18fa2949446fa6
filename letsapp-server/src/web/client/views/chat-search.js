// @ts-check
// The panel that searches one conversation.
/** @import {KnownConversation} from "../../types/state.d.ts" */
/** @import {KeyEvent} from "../../types/views.d.ts" */
import { nothingFound } from "../text/search.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Empty, moveFocus, Spinner } from "./elements.js";
import { MessageResults, useMessageSearch } from "./message-results.js";
import { Panel } from "./panel.js";
import { SearchField } from "./people-search.js";

/** @param {{conversation: KnownConversation}} props */
export function ChatSearch({ conversation }) {
  const [query, setQuery] = useState("");
  const search = useMessageSearch(query, conversation.id);
  const nothing = query.trim() && !search.searching && search.items.length === 0;
  const none = nothingFound(query.trim(), { partial: search.partial, here: true });
  const onKeyDown = (/** @type {KeyEvent} */ event) => {
    /** @type {HTMLElement | null} */
    const first = document.querySelector(".panel .found-message");
    if (event.key === "Enter") first?.click();
  };
  return html`<${Panel} title="Search" label="Search in this chat" testid="chat-search" conversation=${conversation}>
    <${SearchField} label="Words in this chat" testid="chat-search-field" value=${query} onInput=${setQuery} onKeyDown=${onKeyDown} autofocus />
    <div onKeyDown=${(event) => moveFocus(event, ".row")}>
      <p class="visually-hidden" role="status">${query.trim() && !search.searching && `${search.items.length} found`}</p>
      ${search.searching && search.items.length === 0 && html`<${Spinner} label="Searching" />`}
      ${nothing && html`<${Empty} title=${none.title}>${none.text}<//>`}
      ${!query.trim() && html`<p class="panel-hint">Whole words, or how a word begins. The best match comes first.</p>`}
      ${!nothing && html`<${MessageResults} search=${search} />`}
    </div>
  <//>`;
}

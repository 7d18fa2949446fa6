// @ts-check
// The messages that a search finds, with the matches marked, and the way to each of them.
/** @import {Id, SearchHit} from "../../types/protocol.d.ts" */
/** @import {Person, Range} from "../../types/state.d.ts" */
import { excerptOf, rangesIn } from "../text/body.js";
import { textOf } from "../text/messages.js";
import { nameOf, titleOf } from "../text/names.js";
import { explain } from "../text/problems.js";
import { PARTIAL } from "../text/search.js";
import { briefTimeOf, fullTimeOf } from "../text/times.js";
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { go, useClient, useProfiles, useSelected } from "./hooks.js";
import { chatAddress } from "./route.js";

/** The pause in typing after which the server is asked, so that not every letter is a request. */
const TYPING_PAUSE_MS = 250;
/** @type {{query: string, items: SearchHit[], cursor: string | null, partial: boolean}} */
const NOTHING = { query: "", items: [], cursor: null, partial: false };

/**
 * Searches for messages, everywhere or in one conversation. `more` fetches the next page; null where there is none.
 * @param {string} query
 * @param {Id} [conversationId]
 */
export function useMessageSearch(query, conversationId) {
  const client = useClient();
  const [found, setFound] = useState(NOTHING);
  const [busy, setBusy] = useState(false);
  const wanted = query.trim();
  const ask = (/** @type {string | null} */ cursor = null) =>
    client.messages.search({ q: wanted, conversation_id: conversationId, cursor });

  useEffect(() => {
    if (!wanted) return setFound(NOTHING);
    let current = true;
    const search = async () => {
      const page = await ask().catch((problem) => {
        if (current) client.toast(explain(problem));
        return { items: [], next_cursor: null, partial: false };
      });
      if (current) setFound({ query: wanted, items: page.items, cursor: page.next_cursor, partial: !!page.partial });
    };
    const timer = setTimeout(search, TYPING_PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [client, wanted, conversationId]);

  const more = async () => {
    setBusy(true);
    await client.attempt(async () => {
      const page = await ask(found.cursor);
      // Another query may have been typed meanwhile.
      const items = [...found.items, ...page.items];
      const partial = found.partial || !!page.partial;
      setFound((held) => (held === found ? { ...found, items, cursor: page.next_cursor, partial } : held));
    });
    setBusy(false);
  };
  return {
    items: wanted ? found.items : [],
    searching: wanted !== "" && found.query !== wanted,
    more: found.cursor && !busy ? more : null,
    partial: wanted !== "" && found.partial,
  };
}

/**
 * @param {object} props `everywhere`: names the conversation of each message too
 * @param {ReturnType<typeof useMessageSearch>} props.search
 * @param {boolean} [props.everywhere]
 */
export function MessageResults({ search, everywhere = false }) {
  const users = useSelected((state) => state.users);
  useProfiles(search.items.map(({ message }) => message.sender_id));
  return html`<ul class="rows" data-testid="found-messages">
      ${search.items.map(
        (hit) =>
          html`<li key=${hit.message.id}><${MessageResult} hit=${hit} sender=${users[hit.message.sender_id]} everywhere=${everywhere} /></li>`,
      )}
    </ul>
    ${search.more && html`<button type="button" class="link more-found" data-testid="more-found" onClick=${search.more}>More</button>`}
    ${search.partial && html`<p class="hint" data-testid="partial-results">${PARTIAL}</p>`}`;
}

/** @param {{hit: SearchHit, sender: Person | undefined, everywhere: boolean}} props */
function MessageResult({ hit: { message, highlights }, sender, everywhere }) {
  const client = useClient();
  const { conversation_id: id, seq, sent_at, body } = message;
  const conversation = useSelected((state) => state.conversations[id]);
  const users = useSelected((state) => state.users);
  const me = useSelected((state) => state.me.id);
  const from = message.sender_id === me ? "You" : nameOf(sender);
  const found = rangesIn(body, highlights);
  const names = (message.attachments ?? []).map(({ file_name: name }, i) => ({
    name,
    ranges: rangesIn(name, highlights, `attachments.${i}.file_name`),
  }));
  const open = () =>
    client.attempt(
      async () => {
        await client.history.jumpTo(id, seq, found);
        // On a phone the panel lies over the chat.
        if (everywhere || window.matchMedia("(max-width: 720px)").matches) go(chatAddress(id));
      },
      { forbidden: "You are no longer part of that conversation." },
    );
  return html`<button type="button" class="row found-message" data-testid="found-message" data-seq=${seq} onClick=${open}>
    <span class="row-text">
      <span class="row-line">
        <span class="row-title" dir="auto">${everywhere && conversation ? titleOf(conversation, users) : from}</span>
        <time class="row-time" datetime=${sent_at} title=${fullTimeOf(sent_at)}>${briefTimeOf(sent_at)}</time>
      </span>
      <span class="found-text" dir="auto">
        ${everywhere && conversation?.kind !== "direct" && html`<span class="found-from">${from}: </span>`}
        ${marked(textOf(message), found)}
      </span>
      ${names.filter(({ ranges }) => ranges.length > 0).map(({ name, ranges }) => html`<span class="found-text" dir="auto">${marked(name, ranges)}</span>`)}
    </span>
  </button>`;
}

/**
 * Draws an excerpt with its matches.
 * @param {string} text
 * @param {Range[]} found
 */
function marked(text, found) {
  return excerptOf(text, found).map(({ text: words, found: hit }) => (hit ? html`<mark>${words}</mark>` : words));
}

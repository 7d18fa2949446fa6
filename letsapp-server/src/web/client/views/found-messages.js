// Messages that a search has found, with what was found in them, and the way there.
import { excerptOf, foundIn } from "../body.js";
import { explain } from "../explain.js";
import { chatAddress } from "../route.js";
import { briefTimeOf, fullTimeOf, nameOf, titleOf } from "../text.js";
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { go, useClient, usePeople, useSelected } from "./bindings.js";

const TYPING_PAUSE_MS = 250;
const NOTHING = { query: "", items: [], cursor: null };

/** The messages for `query`, everywhere or in one conversation: `{items, searching, more}`; `more` fetches the next page. */
export function useMessageSearch(query, conversationId) {
  const client = useClient();
  const [found, setFound] = useState(NOTHING);
  const [busy, setBusy] = useState(false);
  const wanted = query.trim();
  const ask = (cursor) => client.search({ q: wanted, conversation_id: conversationId, cursor });

  useEffect(() => {
    if (!wanted) return setFound(NOTHING);
    let current = true;
    const search = async () => {
      const page = await ask().catch((problem) => {
        if (current) client.toast(explain(problem));
        return { items: [], next_cursor: null };
      });
      if (current) setFound({ query: wanted, items: page.items, cursor: page.next_cursor });
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
      // Unless something else was searched for meanwhile.
      setFound((held) => (held === found ? { ...found, items: [...found.items, ...page.items], cursor: page.next_cursor } : held));
    });
    setBusy(false);
  };
  return {
    items: wanted ? found.items : [],
    searching: wanted !== "" && found.query !== wanted,
    more: found.cursor && !busy ? more : null,
  };
}

/** `everywhere`: also says in which conversation each one is. */
export function FoundMessages({ search, everywhere = false }) {
  const users = useSelected((state) => state.users);
  usePeople(search.items.map(({ message }) => message.sender_id));
  return html`<ul class="rows" data-testid="found-messages">
      ${search.items.map(
        (hit) =>
          html`<li key=${hit.message.id}><${FoundMessage} hit=${hit} sender=${users[hit.message.sender_id]} everywhere=${everywhere} /></li>`,
      )}
    </ul>
    ${search.more && html`<button type="button" class="link more-found" data-testid="more-found" onClick=${search.more}>More</button>`}`;
}

function FoundMessage({ hit: { message, highlights }, sender, everywhere }) {
  const client = useClient();
  const { conversation_id: id, seq, sent_at, body } = message;
  const conversation = useSelected((state) => state.conversations[id]);
  const users = useSelected((state) => state.users);
  const me = useSelected((state) => state.me.id);
  const from = message.sender_id === me ? "You" : nameOf(sender);
  const found = foundIn(body, highlights);
  const open = () =>
    client.attempt(
      async () => {
        await client.history.jump(id, seq, found);
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
        ${excerptOf(body, found).map(({ text, found: hit }) => (hit ? html`<mark>${text}</mark>` : text))}
      </span>
    </span>
  </button>`;
}

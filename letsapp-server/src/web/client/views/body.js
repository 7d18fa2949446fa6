// The words of a message: links, names and findings in them.
import { partsOf } from "../body.js";
import { chatAddress } from "../route.js";
import { nameOf } from "../text.js";
import { html } from "../vendor/htm-preact.js";
import { useSelected } from "./bindings.js";

const NOBODY = [];

export function Body({ text, conversationId, mentions = NOBODY, highlights }) {
  const users = useSelected((state) => (mentions.length > 0 ? state.users : null));
  const me = useSelected((state) => state.me.id);
  const people = mentions.map((id) => users[id]).filter(Boolean);
  return html`<p class="body" dir="auto" data-testid="body">
    ${partsOf(text, { people, highlights }).map((part) => html`<${Part} part=${part} me=${me} conversationId=${conversationId} />`)}
  </p>`;
}

function Part({ part: { text, href, person, found }, me, conversationId }) {
  const words = found ? html`<mark>${text}</mark>` : text;
  if (href) return html`<a href=${href} target="_blank" rel="noopener noreferrer nofollow">${words}</a>`;
  if (!person) return words;
  return html`<a
    class="mention ${person.id === me ? "mine" : ""}" href=${chatAddress(conversationId, `person/${person.id}`)} title=${nameOf(person)}
    data-testid="mention" data-username=${person.username}
  >${words}</a>`;
}

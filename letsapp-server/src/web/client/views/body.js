// @ts-check
// The body of a message with its links, mentions and search matches.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {Range} from "../../types/state.d.ts" */
/** @import {Part as BodyPart} from "../text/body.js" */
import { splitBody } from "../text/body.js";
import { nameOf } from "../text/names.js";
import { html } from "../vendor/htm-preact.js";
import { useSelected } from "./hooks.js";
import { chatAddress } from "./route.js";

/** The same list for all bodies without mentions: a new one each time would be another value to hooks. @type {Id[]} */
const NOBODY = [];

/** @param {{text: string, conversationId: Id, mentions?: Id[], highlights?: Range[]}} props */
export function Body({ text, conversationId, mentions = NOBODY, highlights }) {
  const users = useSelected((state) => (mentions.length > 0 ? state.users : null));
  const me = useSelected((state) => state.me.id);
  const people = mentions.map((id) => users?.[id]).filter((person) => person !== undefined);
  return html`<p class="body" dir="auto" data-testid="body">
    ${splitBody(text, { people, highlights }).map((part) => html`<${Part} part=${part} me=${me} conversationId=${conversationId} />`)}
  </p>`;
}

/** @param {{part: BodyPart, me: Id, conversationId: Id}} props */
function Part({ part: { text, href, person, found }, me, conversationId }) {
  const words = found ? html`<mark>${text}</mark>` : text;
  if (href) return html`<a href=${href} target="_blank" rel="noopener noreferrer nofollow">${words}</a>`;
  if (!person) return words;
  return html`<a
    class="mention ${person.id === me ? "mine" : ""}" href=${chatAddress(conversationId, `person/${person.id}`)} title=${nameOf(person)}
    data-testid="mention" data-username=${person.username}
  >${words}</a>`;
}

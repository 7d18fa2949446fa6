// @ts-check
// The reactions below a message, and the list of everyone who reacted.
/** @import {Message, Reaction as WireReaction, UserReaction} from "../../types/protocol.d.ts" */
/** @import {ClickEvent} from "../../types/views.d.ts" */
import { nameOf } from "../text/names.js";
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { Dialog, Spinner } from "./elements.js";
import { useClient, useProfiles, useSelected } from "./hooks.js";
import { PersonText } from "./people-search.js";

/**
 * @param {object} props `closed`: nobody can react any more
 * @param {Message} props.message
 * @param {boolean} props.closed
 * @param {(emoji: string) => void} props.onReact
 * @param {() => void} props.onShow
 */
export function Reactions({ message, closed, onReact, onShow }) {
  return html`<ul class="reactions" aria-label="Reactions">
    ${message.reactions.map(
      (reaction) => html`<li key=${reaction.emoji}>
        <${Reaction} reaction=${reaction} mine=${message.my_reaction === reaction.emoji} closed=${closed} onReact=${onReact} onShow=${onShow} />
      </li>`,
    )}
  </ul>`;
}

/**
 * @param {object} props
 * @param {WireReaction} props.reaction
 * @param {boolean} props.mine
 * @param {boolean} props.closed
 * @param {(emoji: string) => void} props.onReact
 * @param {() => void} props.onShow
 */
function Reaction({ reaction: { emoji, count, user_ids }, mine, closed, onReact, onShow }) {
  const users = useSelected((state) => state.users);
  const me = useSelected((state) => state.me.id);
  useProfiles(user_ids);
  const names = user_ids.map((id) => (id === me ? "you" : nameOf(users[id])));
  const rest = count - names.length;
  const who = rest > 0 ? `${names.join(", ")} and ${rest} more` : names.join(", ");
  const list = (/** @type {ClickEvent} */ event) => {
    event.preventDefault();
    onShow();
  };
  return html`<button
    type="button" class="reaction" aria-pressed=${mine} aria-label="${emoji} ${count}: ${who}" title=${who} disabled=${closed}
    data-testid="reaction" data-emoji=${emoji} data-count=${count} onClick=${() => onReact(emoji)} onContextMenu=${list}
  >
    <span class="emoji">${emoji}</span>${count > 1 && html`<span>${count}</span>`}
  </button>`;
}

/**
 * Everyone who reacted, and how.
 * @param {{message: Message, onClose(): void}} props
 */
export function ReactionsDialog({ message, onClose }) {
  const client = useClient();
  const users = useSelected((state) => state.users);
  const [items, setItems] = useState(/** @type {UserReaction[] | null} */ (null));
  useProfiles((items ?? []).map(({ user_id }) => user_id));
  useEffect(() => {
    client.attempt(async () => setItems(await client.messages.reactions(message))).then((done) => done || onClose());
  }, []);
  return html`<${Dialog} title="Reactions" testid="reactions-dialog" onClose=${onClose}>
    ${
      items
        ? html`<ul class="rows dialog-scroll">
            ${items.map(
              ({
                user_id,
                emoji,
              }) => html`<li key=${user_id} class="row" data-testid="reactor" data-username=${users[user_id]?.username} data-emoji=${emoji}>
                <${PersonText} person=${users[user_id] ?? { id: user_id }} />
                <span class="reactor-emoji emoji">${emoji}</span>
              </li>`,
            )}
          </ul>`
        : html`<${Spinner} label="Loading reactions" />`
    }
  <//>`;
}

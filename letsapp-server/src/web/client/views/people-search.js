// @ts-check
// Finding people by how their names begin.
/** @import {Id, User} from "../../types/protocol.d.ts" */
/** @import {Named} from "../../types/state.d.ts" */
/** @import {KeyEvent} from "../../types/views.d.ts" */
/** @import {Ref} from "../vendor/htm-preact.js" */
import { nameOf } from "../text/names.js";
import { explain } from "../text/problems.js";
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Avatar } from "./avatar.js";
import { moveFocus } from "./elements.js";
import { useClient } from "./hooks.js";
import { Icon } from "./icons.js";

/** The pause in typing after which the server is asked, so that not every letter is a request. */
const TYPING_PAUSE_MS = 200;

/**
 * Searches for users other than the reader. `searching` until the answer for this query is there.
 * @param {string} query
 */
export function usePeopleSearch(query) {
  const client = useClient();
  const [found, setFound] = useState(/** @type {{query: string, people: User[]}} */ ({ query: "", people: [] }));
  const wanted = query.trim();
  useEffect(() => {
    if (!wanted) return;
    let current = true;
    const search = async () => {
      const people = await client.contacts.findUsers(wanted).catch((problem) => {
        if (current) client.toast(explain(problem));
        return [];
      });
      if (current) setFound({ query: wanted, people: people.filter(({ id }) => id !== client.store.state.me.id) });
    };
    const timer = setTimeout(search, TYPING_PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [client, wanted]);
  return { people: wanted ? found.people : [], searching: wanted !== "" && found.query !== wanted };
}

/**
 * @param {object} props
 * @param {string} props.label
 * @param {string} [props.hint]
 * @param {string} props.testid
 * @param {string} props.value
 * @param {(value: string) => void} props.onInput
 * @param {(event: KeyEvent) => void} [props.onKeyDown]
 * @param {boolean} [props.autofocus]
 */
export function SearchField({ label, hint = label, testid, value, onInput, onKeyDown, autofocus }) {
  /** @type {Ref<HTMLInputElement>} */
  const input = useRef(null);
  useEffect(() => {
    if (autofocus) input.current.focus();
  }, []);
  return html`<div class="search">
    <${Icon} name="search" />
    <input
      ref=${input} type="search" class="input" placeholder=${hint} aria-label=${label} data-testid=${testid} value=${value}
      autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="search" maxlength="200"
      onInput=${(event) => onInput(event.currentTarget.value)} onKeyDown=${onKeyDown}
    />
  </div>`;
}

/**
 * Searches for people and collects the ones picked.
 * @param {{picked: User[], onPick(picked: User[]): void, without?: Id[]}} props `without`: users who can’t be picked
 */
export function PeoplePicker({ picked, onPick, without = [] }) {
  const [query, setQuery] = useState("");
  const { people, searching } = usePeopleSearch(query);
  const isPicked = (/** @type {User} */ person) => picked.some(({ id }) => id === person.id);
  const toggle = (/** @type {User} */ person) =>
    onPick(isPicked(person) ? picked.filter(({ id }) => id !== person.id) : [...picked, person]);

  return html`<div class="picker">
    ${
      picked.length > 0 &&
      html`<ul class="chips" aria-label="Chosen">
      ${picked.map(
        (person) => html`<li key=${person.id}>
          <button type="button" class="chip" data-testid="picked" onClick=${() => toggle(person)} aria-label="Remove ${nameOf(person)}">
            ${nameOf(person)}<${Icon} name="close" />
          </button>
        </li>`,
      )}
    </ul>`
    }
    <${SearchField} label="Find people" testid="people-search" value=${query} onInput=${setQuery} />
    <ul class="rows picker-rows" aria-label="People found" onKeyDown=${(event) => moveFocus(event, ".row:not(:disabled)")}>
      ${people.map((person) => {
        const here = without.includes(person.id);
        return html`<li key=${person.id}>
          <button
            type="button" class="row" role="checkbox" aria-checked=${here || isPicked(person)} disabled=${here}
            data-testid="person-option" data-username=${person.username} onClick=${() => toggle(person)}
          >
            <${PersonText} person=${person} note=${here ? "Already here" : undefined} />
            <span class="tickbox"><${Icon} name="check" /></span>
          </button>
        </li>`;
      })}
    </ul>
    ${query.trim() && !searching && people.length === 0 && html`<p class="hint" data-testid="nobody-found">Nobody is called that.</p>`}
  </div>`;
}

/**
 * An avatar, a name, and a line below it.
 * @param {{person: {id: Id} & Named, note?: string, size?: "small" | "medium", online?: boolean}} props
 */
export function PersonText({ person, note, size, online }) {
  const name = nameOf(person);
  return html`<${Avatar} id=${person.id} name=${name} picture=${person.avatar_media_id} size=${size} online=${online} />
    <span class="row-text">
      <span class="row-title" dir="auto">${name}</span>
      <span class="row-note">${note ?? (person.username ? `@${person.username}` : "")}</span>
    </span>`;
}

// Finding people by the beginning of their names.
import { explain } from "../explain.js";
import { nameOf } from "../text.js";
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { useClient } from "./bindings.js";
import { Avatar, moveFocus } from "./elements.js";
import { Icon } from "./icons.js";

const TYPING_PAUSE_MS = 200;

/** Who is found for `query`: `{people, searching}`; oneself never is. */
export function usePeopleSearch(query) {
  const client = useClient();
  const [found, setFound] = useState({ query: "", people: [] });
  const wanted = query.trim();
  useEffect(() => {
    if (!wanted) return;
    let current = true;
    const search = async () => {
      const people = await client.findUsers(wanted).catch((problem) => {
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

export function SearchField({ label, hint = label, testid, value, onInput, onKeyDown, autofocus }) {
  const input = useRef(null);
  useEffect(() => autofocus && input.current.focus(), []);
  return html`<div class="search">
    <${Icon} name="search" />
    <input
      ref=${input} type="search" class="input" placeholder=${hint} aria-label=${label} data-testid=${testid} value=${value}
      autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="search" maxlength="200"
      onInput=${(event) => onInput(event.currentTarget.value)} onKeyDown=${onKeyDown}
    />
  </div>`;
}

/** Search for people and gather them; `without` are those who can't be picked. */
export function PeoplePicker({ picked, onPick, without = [] }) {
  const [query, setQuery] = useState("");
  const { people, searching } = usePeopleSearch(query);
  const isPicked = (person) => picked.some(({ id }) => id === person.id);
  const toggle = (person) => onPick(isPicked(person) ? picked.filter(({ id }) => id !== person.id) : [...picked, person]);

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

/** A face, a name, and a line below it. */
export function PersonText({ person, note, size, online }) {
  const name = nameOf(person);
  return html`<${Avatar} id=${person.id} name=${name} size=${size} online=${online} />
    <span class="row-text">
      <span class="row-title" dir="auto">${name}</span>
      <span class="row-note">${note ?? (person.username ? `@${person.username}` : "")}</span>
    </span>`;
}

// @ts-check
// The suggestions for a mention, above the field. The focus stays in the field, whose keys move the choice.
/** @import {Person} from "../../types/state.d.ts" */
/** @import {ClickEvent} from "../../types/views.d.ts" */
import { html } from "../vendor/htm-preact.js";
import { PersonText } from "./people-search.js";

/**
 * Returns the id of the option’s element, for `aria-activedescendant`.
 * @param {number} at
 */
export const mentionOption = (at) => `mention-${at}`;

/** @param {{people: Person[], at: number, onPick(person: Person): void}} props `at`: the index of the chosen one */
export function MentionList({ people, at, onPick }) {
  // Pressing the mouse would take the focus from the field before the click.
  const keepFocus = (/** @type {ClickEvent} */ event) => event.preventDefault();
  return html`<ul class="mention-list" id="mentions" role="listbox" aria-label="People to mention" data-testid="mentions" onMouseDown=${keepFocus}>
    ${people.map(
      (person, i) => html`<li
        key=${person.id} id=${mentionOption(i)} class="row" role="option" aria-selected=${i === at} data-testid="mention-option"
        data-username=${person.username} onClick=${() => onPick(person)}
      >
        <${PersonText} person=${person} size="small" />
      </li>`,
    )}
  </ul>`;
}

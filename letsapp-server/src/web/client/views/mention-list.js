// Whom an `@` may mean, above the field; the focus stays in the field, whose keys move the choice.
import { html } from "../vendor/htm-preact.js";
import { PersonText } from "./people-search.js";

export const mentionOption = (at) => `mention-${at}`;

export function MentionList({ people, at, onPick }) {
  // Else the field loses the focus before the click.
  const keepFocus = (event) => event.preventDefault();
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

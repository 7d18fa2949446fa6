// Who sees when the reader was here, and what they have read.
import { html, useReducer } from "../../vendor/htm-preact.js";
import { useClient, useSelected } from "../bindings.js";
import { Spinner, Switch } from "../elements.js";

const AUDIENCES = [
  { value: "everyone", label: "Everyone" },
  { value: "contacts", label: "My contacts" },
  { value: "nobody", label: "Nobody" },
];

export function Privacy() {
  const client = useClient();
  const settings = useSelected((state) => state.me.settings);
  const [, redraw] = useReducer((count) => count + 1, 0);
  if (!settings) return html`<${Spinner} label="Loading settings" />`;
  const change = async (changed) => {
    const done = await client.attempt(() => client.account.change({ settings: changed }));
    // What was clicked shows as chosen until it is drawn as it is.
    if (!done) redraw();
  };
  return html`<fieldset class="choices">
      <legend class="list-title">Who sees when I am online, and was last</legend>
      ${AUDIENCES.map(
        ({ value, label }) => html`<label key=${value} class="choice">
          <input
            type="radio" name="last_seen" value=${value} data-testid="last-seen-${value}" checked=${settings.last_seen === value}
            onChange=${() => change({ last_seen: value })}
          />${label}
        </label>`,
      )}
    </fieldset>
    <${Switch}
      label="Read receipts" hint="Others see that you have read their messages." testid="read-receipts" checked=${settings.read_receipts}
      onChange=${(read_receipts) => change({ read_receipts })}
    />`;
}

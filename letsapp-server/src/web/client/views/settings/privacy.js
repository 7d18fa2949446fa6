// @ts-check
// The settings page of who sees the reader’s presence and receipts, and who may add the reader to groups.
/** @import {Settings} from "../../../types/protocol.d.ts" */
import { html, useReducer } from "../../vendor/htm-preact.js";
import { Spinner, Switch } from "../elements.js";
import { useClient, useSelected } from "../hooks.js";

/** @type {{value: Settings["last_seen"], label: string}[]} */
const AUDIENCES = [
  { value: "everyone", label: "Everyone" },
  { value: "contacts", label: "My contacts" },
  { value: "nobody", label: "Nobody" },
];

/** @type {{value: Settings["groups"], label: string}[]} */
const ADDERS = [
  { value: "everyone", label: "Everyone" },
  { value: "contacts", label: "My contacts" },
];

export function Privacy() {
  const client = useClient();
  const settings = useSelected((state) => state.me.settings);
  const [, redraw] = useReducer((count) => count + 1, 0);
  if (!settings) return html`<${Spinner} label="Loading settings" />`;
  const change = async (/** @type {Partial<Settings>} */ changed) => {
    const done = await client.attempt(() => client.account.change({ settings: changed }));
    // The browser shows the clicked choice; drawing puts the old one back.
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
    <fieldset class="choices">
      <legend class="list-title">Who may add me to groups</legend>
      ${ADDERS.map(
        ({ value, label }) => html`<label key=${value} class="choice">
          <input
            type="radio" name="groups" value=${value} data-testid="groups-${value}" checked=${settings.groups === value}
            onChange=${() => change({ groups: value })}
          />${label}
        </label>`,
      )}
      <p class="hint">People you block never may.</p>
    </fieldset>
    <${Switch}
      label="Read receipts" hint="Others see that you have read their messages." testid="read-receipts" checked=${settings.read_receipts}
      onChange=${(read_receipts) => change({ read_receipts })}
    />`;
}

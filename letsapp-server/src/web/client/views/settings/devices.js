// @ts-check
// The settings page of the devices on which the reader is signed in.
/** @import {DeviceSession} from "../../../types/protocol.d.ts" */
import { explain } from "../../text/problems.js";
import { briefTimeOf, fullTimeOf } from "../../text/times.js";
import { html, useEffect, useState } from "../../vendor/htm-preact.js";
import { Confirm, Spinner } from "../elements.js";
import { useClient } from "../hooks.js";
import { Icon } from "../icons.js";

export function Devices() {
  const client = useClient();
  const [sessions, setSessions] = useState(/** @type {DeviceSession[] | null} */ (null));
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  const [ending, setEnding] = useState(/** @type {DeviceSession | null} */ (null));
  const load = () => client.account.sessions().then(setSessions, setProblem);
  useEffect(() => void load(), []);
  const end = async (/** @type {DeviceSession} */ session) => {
    setEnding(null);
    if (await client.attempt(() => client.account.endSession(session.id))) load();
  };
  if (problem) return html`<p class="fault" role="alert">${explain(problem)}</p>`;
  if (!sessions) return html`<${Spinner} label="Loading devices" />`;
  const sorted = sessions.toSorted(
    (a, b) => Number(b.current) - Number(a.current) || b.last_used_at.localeCompare(a.last_used_at),
  );
  return html`<ul class="rows" data-testid="sessions">
      ${sorted.map(
        (session) => html`<li key=${session.id} class="row" data-testid="session" data-current=${session.current}>
          <span class="row-icon"><${Icon} name="device" /></span>
          <span class="row-text">
            <span class="row-title">${session.device_name || "Unnamed device"}</span>
            <span class="row-note" title=${fullTimeOf(session.last_used_at)}>
              ${session.current ? "This device" : `Last used ${briefTimeOf(session.last_used_at)}`}
            </span>
          </span>
          ${
            !session.current &&
            html`<button type="button" class="button quiet" data-testid="end-session" onClick=${() => setEnding(session)}>Sign out</button>`
          }
        </li>`,
      )}
    </ul>
    ${
      ending &&
      html`<${Confirm}
      title="Sign out “${ending.device_name || "Unnamed device"}”?" text="It needs your password to come back." action="Sign out"
      onConfirm=${() => end(ending)} onClose=${() => setEnding(null)}
    />`
    }`;
}

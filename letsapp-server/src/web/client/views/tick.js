// @ts-check
// The ticks of an own message: how far it has come.
import { html } from "../vendor/htm-preact.js";
import { Icon } from "./icons.js";

const STATES = {
  sending: { icon: "clock", label: "Sending" },
  failed: { icon: "alert", label: "Not sent" },
  sent: { icon: "tick", label: "Sent" },
  delivered: { icon: "ticks", label: "Delivered" },
  read: { icon: "ticks", label: "Read" },
};

/** @param {{state: keyof typeof STATES}} props */
export function Tick({ state }) {
  const { icon, label } = STATES[state];
  return html`<span class="tick ${state}" data-testid="tick" data-state=${state}><${Icon} name=${icon} label=${label} /></span>`;
}

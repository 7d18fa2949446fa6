// @ts-check
// The reader’s avatar above the list, and the menu that it opens.
import { nameOf } from "../text/names.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Avatar } from "./avatar.js";
import { Confirm } from "./elements.js";
import { drawerAddress, go, useClient, useSelected } from "./hooks.js";
import { Menu } from "./popover.js";

export function AccountMenu() {
  const client = useClient();
  const me = useSelected((state) => state.me);
  const unsent = useSelected((state) => state.outbox.length);
  const [anchor, setAnchor] = useState(/** @type {HTMLElement | null} */ (null));
  const [asking, setAsking] = useState(false);
  const signOut = () => (unsent > 0 ? setAsking(true) : client.signOut());
  const items = [
    { icon: "person", label: "Profile", testid: "menu-profile", onSelect: () => go(drawerAddress("settings/profile")) },
    { icon: "settings", label: "Settings", testid: "settings", onSelect: () => go(drawerAddress("settings")) },
    { icon: "keyboard", label: "Keyboard", testid: "help", onSelect: () => go(drawerAddress("help")) },
    { icon: "leave", label: "Sign out", testid: "sign-out", onSelect: signOut },
  ];
  return html`
    <button
      type="button" class="account" aria-label="Your account" aria-haspopup="menu" data-testid="account"
      onClick=${(event) => setAnchor(event.currentTarget)}
    >
      <${Avatar} id=${me.id} name=${nameOf(me)} picture=${me.avatar_media_id} size="small" />
    </button>
    ${anchor && html`<${Menu} anchor=${anchor} label="Your account" testid="account-menu" items=${items} onClose=${() => setAnchor(null)} />`}
    ${
      asking &&
      html`<${Confirm}
      title="Sign out?" text=${`${unsent === 1 ? "A message" : `${unsent} messages`} you wrote could not be sent yet, and would be lost.`}
      action="Sign out" onConfirm=${() => client.signOut()} onClose=${() => setAsking(false)}
    />`
    }
  `;
}

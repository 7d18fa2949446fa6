// @ts-check
// The settings: an overview, and a page each.
/** @import {Children} from "../../vendor/htm-preact.js" */
import { html } from "../../vendor/htm-preact.js";
import { Drawer } from "../drawer.js";
import { moveFocus } from "../elements.js";
import { drawerAddress, go, useSelected } from "../hooks.js";
import { Icon } from "../icons.js";
import { PersonText } from "../people-search.js";
import { Blocked } from "./blocked.js";
import { DeleteAccount } from "./delete-account.js";
import { Devices } from "./devices.js";
import { Password } from "./password.js";
import { Privacy } from "./privacy.js";
import { Profile } from "./profile.js";

/** @type {Record<string, {title: string, icon: string, note?: string, danger?: boolean, Page: () => Children}>} */
const PAGES = {
  profile: { title: "Profile", icon: "person", Page: Profile },
  privacy: { title: "Privacy", icon: "eye-off", note: "Last seen, groups, read receipts", Page: Privacy },
  blocked: { title: "Blocked people", icon: "block", Page: Blocked },
  devices: { title: "Devices", icon: "device", note: "Where you are signed in", Page: Devices },
  password: { title: "Password", icon: "lock", Page: Password },
  delete: { title: "Delete account", icon: "trash", danger: true, Page: DeleteAccount },
};

/**
 * The drawer with the overview or one of the pages.
 * @param {{page: string}} props `page`: a key of the pages, anything else for the overview
 */
export function SettingsDrawer({ page }) {
  const chosen = PAGES[page];
  if (!chosen) return html`<${Overview} />`;
  return html`<${Drawer} key=${page} title=${chosen.title} testid="settings-${page}" back="settings"><${chosen.Page} /><//>`;
}

function Overview() {
  const me = useSelected((state) => state.me);
  return html`<${Drawer} key="overview" title="Settings" testid="settings-drawer">
    <button type="button" class="row" data-testid="to-profile" onClick=${() => go(drawerAddress("settings/profile"))}>
      <${PersonText} person=${me} note=${me.about || `@${me.username}`} />
    </button>
    <div class="menu-list" onKeyDown=${(event) => moveFocus(event, ".menu-item")}>
      ${Object.entries(PAGES)
        .slice(1)
        .map(
          ([page, { title, icon, note, danger }]) => html`<button
            type="button" key=${page} class="menu-item ${danger ? "danger" : ""}" data-testid="to-${page}" onClick=${() => go(drawerAddress(`settings/${page}`))}
          >
            <${Icon} name=${icon} />
            <span class="row-text"><span>${title}</span>${note && html`<span class="hint">${note}</span>`}</span>
          </button>`,
        )}
    </div>
  <//>`;
}

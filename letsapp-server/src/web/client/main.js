// @ts-check
// The start of the client: shows the sign-in page, or the messenger to a signed-in user.
/** @import {SignedIn} from "../types/protocol.d.ts" */
/** @import {EndReason} from "./net/session.js" */
import { Client } from "./actions/client.js";
import { Api } from "./net/api.js";
import { Session } from "./net/session.js";
import { html, render } from "./vendor/htm-preact.js";
import { Messenger } from "./views/messenger.js";
import { SignIn } from "./views/sign-in.js";

/** The notices of the sign-in page by the reason for which the session has ended. @type {Partial<Record<EndReason, string>>} */
const END_NOTICES = {
  expired: "Your session has ended. Please sign in again.",
  deleted: "Your account is deleted.",
};

const root = /** @type {Element} */ (document.getElementById("app"));
const session = new Session().followOtherTabs(window);
const api = new Api(session);
/** @type {Client | null} */
let client = null;

function showMessenger() {
  client = new Client({ session, api });
  client.start();
  render(html`<${Messenger} key="messenger" client=${client} />`, root);
}

/** @param {string | null} notice */
function showSignIn(notice) {
  const onSignedIn = (/** @type {SignedIn} */ answer) => {
    session.start(answer);
    showMessenger();
  };
  render(html`<${SignIn} key="sign-in" api=${api} notice=${notice} onSignedIn=${onSignedIn} />`, root);
}

session.addEventListener("end", (event) => {
  const { detail: reason } = /** @type {CustomEvent<EndReason>} */ (event);
  client?.stop();
  client = null;
  window.history.replaceState(null, "", window.location.pathname);
  document.title = "LetsApp";
  showSignIn(END_NOTICES[reason] ?? null);
});

window.addEventListener("online", () => client?.checkConnection());
window.addEventListener("offline", () => client?.checkConnection());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && client?.checkConnection());

if (session.user) showMessenger();
else showSignIn(null);

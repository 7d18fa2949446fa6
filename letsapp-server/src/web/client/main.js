// Starts the client: the sign-in page where nobody is signed in, else the messenger.
import { Api } from "./api.js";
import { Client } from "./client.js";
import { Session } from "./session.js";
import { html, render } from "./vendor/htm-preact.js";
import { Messenger } from "./views/messenger.js";
import { SignIn } from "./views/sign-in.js";

const root = document.getElementById("app");
const session = new Session().follow(window);
const api = new Api(session);
let client = null;

function showMessenger() {
  client = new Client({ session, api });
  client.start();
  render(html`<${Messenger} key="messenger" client=${client} />`, root);
}

function showSignIn(notice) {
  const signedIn = (answer) => {
    session.start(answer);
    showMessenger();
  };
  render(html`<${SignIn} key="sign-in" api=${api} notice=${notice} onSignedIn=${signedIn} />`, root);
}

const PARTING = {
  expired: "Your session has ended. Please sign in again.",
  deleted: "Your account is deleted.",
};

session.addEventListener("end", ({ detail: reason }) => {
  client?.stop();
  client = null;
  window.history.replaceState(null, "", window.location.pathname);
  document.title = "LetsApp";
  showSignIn(PARTING[reason] ?? null);
});

window.addEventListener("online", () => client?.nudge());
window.addEventListener("offline", () => client?.nudge());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && client?.nudge());

if (session.user) showMessenger();
else showSignIn(null);

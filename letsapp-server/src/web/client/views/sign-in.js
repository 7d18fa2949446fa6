// @ts-check
// The page of a visitor who is not signed in: signing in, or creating an account.
/** @import {Registration, SignedIn} from "../../types/protocol.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Problem} from "../net/http.js" */
import { explain } from "../text/problems.js";
import { html, useState } from "../vendor/htm-preact.js";
import { Field, faultOf, PasswordField, useForm } from "./form.js";

const DEVICE = /Mobi|Android/i.test(navigator.userAgent) ? "Web client on a phone" : "Web client";

/**
 * @param {object} props `notice`: why the last session has ended
 * @param {Api} props.api
 * @param {string | null} props.notice
 * @param {(answer: SignedIn) => void} props.onSignedIn
 */
export function SignIn({ api, notice, onSignedIn }) {
  const [isNew, setNew] = useState(false);
  return html`<main class="sign-in">
    <section class="sign-in-card">
      <header class="sign-in-head">
        <img src="/icons/logo.svg" alt="" width="56" height="56" />
        <h1 class="wordmark">LetsApp</h1>
        <p>${isNew ? "Pick a name, and start talking." : "Good to see you again."}</p>
      </header>
      ${notice && html`<p class="notice" role="status" data-testid="notice">${notice}</p>`}
      <${AccountForm} key=${isNew} isNew=${isNew} api=${api} onSignedIn=${onSignedIn} />
      <p class="sign-in-other">
        ${isNew ? "Have an account?" : "New here?"}${" "}
        <button type="button" class="link" data-testid="switch-mode" onClick=${() => setNew(!isNew)}>
          ${isNew ? "Sign in" : "Create an account"}
        </button>
      </p>
    </section>
  </main>`;
}

/** @param {{isNew: boolean, api: Api, onSignedIn(answer: SignedIn): void}} props */
function AccountForm({ isNew, api, onSignedIn }) {
  const { busy, problem, submit } = useForm(async ({ username, password, display_name }) => {
    /** @type {Registration} */
    const account = { username: username.trim(), password, device_name: DEVICE };
    if (display_name?.trim()) account.display_name = display_name.trim();
    onSignedIn(await (isNew ? api.register(account) : api.login(account)));
  });
  const fault = (/** @type {string} */ field) => faultOf(problem, field);
  const shown = problem && !["username", "password", "display_name"].some(fault);
  return html`<form onSubmit=${submit} data-testid=${isNew ? "sign-up-form" : "sign-in-form"}>
    <${Field}
      name="username" label="Username" autocomplete="username" autocapitalize="none" spellcheck="false" autofocus
      hint=${isNew && "3 to 32 of a–z, 0–9, _ and ."} fault=${fault("username")}
    />
    ${isNew && html`<${Field} name="display_name" label="Your name" optional autocomplete="name" fault=${fault("display_name")} />`}
    <${PasswordField} isNew=${isNew} fault=${fault("password")} />
    ${shown && html`<p class="fault" role="alert" data-testid="form-error">${explained(problem, isNew)}</p>`}
    <button class="button wide" data-testid="submit" disabled=${busy}>
      ${busy ? "One moment…" : isNew ? "Create account" : "Sign in"}
    </button>
  </form>`;
}

/**
 * @param {Problem} problem
 * @param {boolean} isNew
 */
function explained(problem, isNew) {
  if (problem.code === "conflict") return "This username is taken. Try another.";
  if (problem.unauthenticated && !isNew) return "Wrong username or password.";
  return explain(problem);
}

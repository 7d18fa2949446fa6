// The page for whoever isn't signed in: sign in, or create an account.
import { html, useState } from "../vendor/htm-preact.js";
import { Icon } from "./icons.js";

const DEVICE = /Mobi|Android/i.test(navigator.userAgent) ? "Web client on a phone" : "Web client";

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

function AccountForm({ isNew, api, onSignedIn }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const { username, password, display_name } = Object.fromEntries(new FormData(event.currentTarget));
    const account = { username: username.trim(), password, device_name: DEVICE };
    if (display_name?.trim()) account.display_name = display_name.trim();
    setBusy(true);
    setProblem(null);
    try {
      onSignedIn(await (isNew ? api.register(account) : api.login(account)));
    } catch (reason) {
      setProblem(reason);
      setBusy(false);
    }
  };

  const fault = (field) => problem?.errors?.find((error) => error.field === field)?.detail;
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

function PasswordField({ isNew, fault }) {
  const [visible, setVisible] = useState(false);
  const label = visible ? "Hide password" : "Show password";
  return html`<${Field}
    name="password" label="Password" type=${visible ? "text" : "password"} fault=${fault}
    autocomplete=${isNew ? "new-password" : "current-password"} hint=${isNew && "At least 8 characters"}
  >
    <button type="button" class="icon-button in-field" aria-label=${label} title=${label} aria-pressed=${visible} onClick=${() => setVisible(!visible)}>
      <${Icon} name=${visible ? "eye-off" : "eye"} />
    </button>
  <//>`;
}

function Field({ name, label, optional, hint, fault, children, ...input }) {
  const about = fault || hint;
  return html`<div class="field">
    <label for=${name}>${label}${optional && html` <span class="optional">optional</span>`}</label>
    <div class="field-box">
      <input
        id=${name} name=${name} class="input" data-testid=${name} required=${!optional} aria-invalid=${fault ? "true" : undefined}
        aria-describedby=${about ? `${name}-about` : undefined} ...${input}
      />
      ${children}
    </div>
    ${about && html`<p id="${name}-about" class=${fault ? "fault" : "hint"} data-testid=${fault ? `${name}-error` : undefined}>${about}</p>`}
  </div>`;
}

function explained(problem, isNew) {
  if (problem.code === "conflict") return "This username is taken. Try another.";
  if (problem.unauthenticated && !isNew) return "Wrong username or password.";
  if (problem.code === "rate_limited") return "Too many attempts. Please wait a little.";
  return problem.message;
}

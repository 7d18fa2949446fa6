// Fields with what is wrong with them, and a form that is sent once at a time.
import { explain } from "../explain.js";
import { html, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Icon } from "./icons.js";

/** Sends a form: `{busy, problem, submit}`. `work` takes the fields by name. */
export function useForm(work) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const form = event.currentTarget;
    setBusy(true);
    setProblem(null);
    try {
      await work(Object.fromEntries(new FormData(form)), form);
    } catch (reason) {
      setProblem(reason);
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, submit };
}

/** `value` is what it begins with: Preact would put a `value` back at every drawing, over what was typed since. */
export function Field({ name, label, value, optional, hint, fault, children, ...input }) {
  const about = fault || hint;
  const field = useRef(null);
  // What it begins with leaves the caret before it.
  useLayoutEffect(() => {
    const { length } = field.current.value;
    if (input.autofocus) field.current.setSelectionRange(length, length);
  }, []);
  return html`<div class="field">
    <label for=${name}>${label}${optional && html` <span class="optional">optional</span>`}</label>
    <div class="field-box">
      <input
        ref=${field} id=${name} name=${name} class="input" data-testid=${name} defaultValue=${value} required=${!optional}
        aria-invalid=${fault ? "true" : undefined} aria-describedby=${about ? `${name}-about` : undefined} ...${input}
      />
      ${children}
    </div>
    ${about && html`<p id="${name}-about" class=${fault ? "fault" : "hint"} data-testid=${fault ? `${name}-error` : undefined}>${about}</p>`}
  </div>`;
}

export function PasswordField({ name = "password", label = "Password", isNew, fault }) {
  const [visible, setVisible] = useState(false);
  const toggle = visible ? "Hide password" : "Show password";
  return html`<${Field}
    name=${name} label=${label} type=${visible ? "text" : "password"} fault=${fault}
    autocomplete=${isNew ? "new-password" : "current-password"} hint=${isNew && "At least 8 characters"}
  >
    <button type="button" class="icon-button in-field" aria-label=${toggle} title=${toggle} aria-pressed=${visible} onClick=${() => setVisible(!visible)}>
      <${Icon} name=${visible ? "eye-off" : "eye"} />
    </button>
  <//>`;
}

/** Tells a password manager whose password a form asks for. */
export function AccountName({ username }) {
  return html`<input type="text" name="username" class="visually-hidden" autocomplete="username" tabindex="-1" aria-hidden="true" readonly value=${username} />`;
}

/** What the server says against one field. */
export function faultOf(problem, field) {
  const detail = problem?.errors?.find((error) => error.field === field)?.detail;
  return detail && detail.charAt(0).toLocaleUpperCase() + detail.slice(1);
}

/** What went wrong, unless it stands beside one of the `fields` already. */
export function FormFault({ problem, fields = [], words }) {
  if (!problem || fields.some((field) => faultOf(problem, field))) return null;
  return html`<p class="fault" role="alert" data-testid="form-error">${explain(problem, words)}</p>`;
}

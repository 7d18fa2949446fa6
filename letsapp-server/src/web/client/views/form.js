// @ts-check
// Form fields with the server’s objections beside them, and forms that are sent once at a time.
/** @import {FormEvent} from "../../types/views.d.ts" */
/** @import {Problem} from "../net/http.js" */
/** @import {Children, Ref} from "../vendor/htm-preact.js" */
import { explain } from "../text/problems.js";
import { html, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Icon } from "./icons.js";

/**
 * Returns the state of a form and the handler that submits it.
 * @param {(fields: Record<string, string>, form: HTMLFormElement) => unknown} work sends the fields, given by name
 */
export function useForm(work) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const submit = async (/** @type {FormEvent} */ event) => {
    event.preventDefault();
    if (busy) return;
    const form = event.currentTarget;
    setBusy(true);
    setProblem(null);
    try {
      await work(/** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form))), form);
    } catch (reason) {
      setProblem(/** @type {Problem} */ (reason));
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, submit };
}

/**
 * A field that begins with `value`. It is not kept at it: Preact would put it back at every drawing, over what was typed since.
 * @param {object} props
 * @param {string} props.name
 * @param {string} props.label
 * @param {string | null} [props.value]
 * @param {boolean} [props.optional]
 * @param {string | false} [props.hint]
 * @param {string} [props.fault]
 * @param {boolean} [props.autofocus]
 * @param {Children} [props.children]
 *   further ones are attributes of the input
 */
export function Field({ name, label, value, optional, hint, fault, children, ...input }) {
  const about = fault || hint;
  /** @type {Ref<HTMLInputElement>} */
  const field = useRef(null);
  // Set by `defaultValue`, the text leaves the caret before it.
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

/** @param {{name?: string, label?: string, isNew?: boolean, fault?: string}} props */
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

/**
 * A hidden field that names the account of a form’s password for password managers.
 * @param {{username: string | null}} props
 */
export function AccountName({ username }) {
  return html`<input type="text" name="username" class="visually-hidden" autocomplete="username" tabindex="-1" aria-hidden="true" readonly value=${username} />`;
}

/**
 * Returns the server’s objection to one field.
 * @param {Problem | null} problem
 * @param {string} field
 */
export function faultOf(problem, field) {
  const detail = problem?.errors?.find((error) => error.field === field)?.detail;
  return detail && detail.charAt(0).toLocaleUpperCase() + detail.slice(1);
}

/**
 * The failure of a form, unless it is shown beside one of the `fields` already.
 * @param {{problem: Problem | null, fields?: string[], words?: {forbidden?: string}}} props
 */
export function FormFault({ problem, fields = [], words }) {
  if (!problem || fields.some((field) => faultOf(problem, field))) return null;
  return html`<p class="fault" role="alert" data-testid="form-error">${explain(problem, words)}</p>`;
}

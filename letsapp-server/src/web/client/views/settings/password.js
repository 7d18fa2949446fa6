// @ts-check
// The settings page that changes the password.
import { html } from "../../vendor/htm-preact.js";
import { AccountName, FormFault, faultOf, PasswordField, useForm } from "../form.js";
import { useClient, useSelected } from "../hooks.js";

export function Password() {
  const client = useClient();
  const username = useSelected((state) => state.me.username);
  const { busy, problem, submit } = useForm(async ({ current_password, new_password }, form) => {
    await client.account.changePassword(current_password, new_password);
    form.reset();
    client.toast("Your password is changed, and your other devices are signed out.", "good");
  });
  const fields = ["current_password", "new_password"];
  return html`<form class="settings-form" onSubmit=${submit}>
    <${AccountName} username=${username} />
    <${PasswordField} name="current_password" label="Your password until now" fault=${faultOf(problem, "current_password")} />
    <${PasswordField} name="new_password" label="Your new password" isNew fault=${faultOf(problem, "new_password")} />
    <${FormFault} problem=${problem} fields=${fields} words=${{ forbidden: "That is not your password." }} />
    <p class="hint">Every other device is signed out.</p>
    <button class="button wide" data-testid="password-save" disabled=${busy}>${busy ? "One moment…" : "Change password"}</button>
  </form>`;
}

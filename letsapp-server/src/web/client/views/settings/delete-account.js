// @ts-check
// The settings page that deletes the account.
import { html } from "../../vendor/htm-preact.js";
import { AccountName, FormFault, faultOf, PasswordField, useForm } from "../form.js";
import { useClient, useSelected } from "../hooks.js";

export function DeleteAccount() {
  const client = useClient();
  const username = useSelected((state) => state.me.username);
  const { busy, problem, submit } = useForm(({ password }) => client.account.delete(password));
  return html`<form class="settings-form" onSubmit=${submit}>
    <p>Your profile, your contacts and your settings are erased, you leave every group, and all your devices are signed out.</p>
    <p>What you have written stays with those you wrote it to, as from a deleted account. Nobody gets the name @${username} again.</p>
    <p><strong>This can’t be undone.</strong></p>
    <${AccountName} username=${username} />
    <${PasswordField} fault=${faultOf(problem, "password")} />
    <${FormFault} problem=${problem} fields=${["password"]} words=${{ forbidden: "That is not your password." }} />
    <button class="button danger wide" data-testid="delete-account" disabled=${busy}>${busy ? "One moment…" : "Delete my account"}</button>
  </form>`;
}

// @ts-check
// The settings page of the reader’s profile.
import { nameOf } from "../../text/names.js";
import { html } from "../../vendor/htm-preact.js";
import { Avatar } from "../elements.js";
import { Field, FormFault, faultOf, useForm } from "../form.js";
import { useClient, useSelected } from "../hooks.js";

export function Profile() {
  const client = useClient();
  const me = useSelected((state) => state.me);
  const { busy, problem, submit } = useForm(async ({ display_name, about }) => {
    await client.account.change({ display_name: display_name.trim(), about: about.trim() });
    client.toast("Your profile is saved.", "good");
  });
  return html`<form class="settings-form" onSubmit=${submit}>
    <div class="picture-place">
      <${Avatar} id=${me.id} name=${nameOf(me)} size="large" />
      <p class="hint">@${me.username}</p>
    </div>
    <${Field}
      name="display_name" label="Your name" optional value=${me.display_name} autocomplete="name" fault=${faultOf(problem, "display_name")}
      hint="What others see. Without one it is your username."
    />
    <${Field} name="about" label="About you" optional value=${me.about} autocomplete="off" fault=${faultOf(problem, "about")} />
    <${FormFault} problem=${problem} fields=${["display_name", "about"]} />
    <button class="button wide" data-testid="profile-save" disabled=${busy}>${busy ? "One moment…" : "Save"}</button>
  </form>`;
}

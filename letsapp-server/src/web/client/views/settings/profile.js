// @ts-check
// The settings page of the reader’s profile.
/** @import {Id} from "../../../types/protocol.d.ts" */
import { nameOf } from "../../text/names.js";
import { html } from "../../vendor/htm-preact.js";
import { Field, FormFault, faultOf, useForm } from "../form.js";
import { useClient, useSelected } from "../hooks.js";
import { PictureField } from "../picture-field.js";

export function Profile() {
  const client = useClient();
  const me = useSelected((state) => state.me);
  const setPicture = (/** @type {Id | null} */ avatar_media_id) => client.account.change({ avatar_media_id });
  const { busy, problem, submit } = useForm(async ({ display_name, about }) => {
    await client.account.change({ display_name: display_name.trim(), about: about.trim() });
    client.toast("Your profile is saved.", "good");
  });
  return html`<div class="picture-place">
      <${PictureField} id=${me.id} name=${nameOf(me)} picture=${me.avatar_media_id} kind="person" onSet=${setPicture} />
      <p class="hint">@${me.username}</p>
    </div>
    <form class="settings-form" onSubmit=${submit}>
    <${Field}
      name="display_name" label="Your name" optional value=${me.display_name} autocomplete="name" fault=${faultOf(problem, "display_name")}
      hint="What others see. Without one it is your username."
    />
    <${Field} name="about" label="About you" optional value=${me.about} autocomplete="off" fault=${faultOf(problem, "about")} />
    <${FormFault} problem=${problem} fields=${["display_name", "about"]} />
    <button class="button wide" data-testid="profile-save" disabled=${busy}>${busy ? "One moment…" : "Save"}</button>
  </form>`;
}

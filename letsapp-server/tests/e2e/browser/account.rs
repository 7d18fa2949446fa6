//! Account settings in the browser: a user on two devices, and a friend who sees the effects.

use letsapp_testkit::chromium::{Chromium, ColorScheme, Screen};
use serde_json::json;

use super::page::Page;
use crate::people::password;
use crate::server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_described_guarded_and_ended_in_the_settings() {
    let Some(chromium) = Chromium::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut server = server::at_one_address(directory.path()).start().await;
    let desk = Page::open(&chromium, Screen::Desktop, "desk", &server.url()).await;
    let phone = Page::open(&chromium, Screen::Phone, "phone", &server.url()).await;
    let friend = Page::open(&chromium, Screen::Desktop, "friend", &server.url()).await;
    desk.sign_up("ana", "Ana").await;
    friend.sign_up("ben", "Ben Okafor").await;
    phone.sign_in("ana").await;
    friend.find_person("ana", "ana").await;
    friend.write("Hello Ana").await;
    friend.await_presence("online").await;

    the_profile_is_changed(&desk, &friend).await;
    presence_is_hidden_and_shown(&desk, &friend).await;
    a_contact_gets_an_alias(&desk).await;
    a_device_is_signed_out(&desk, &phone).await;
    the_account_is_deleted(&desk, &friend).await;
    friend.assert_console_is_clean().await;
    assert!(server.terminate().await.success());
}

async fn the_profile_is_changed(desk: &Page, friend: &Page) {
    desk.open_settings("profile").await;
    let name = desk.find("display_name").await;
    name.send_keys(" Oliveira").await.unwrap();
    desk.find("about").await.send_keys("At the sea").await.unwrap();
    desk.click("profile-save").await;
    desk.locate("[data-testid=toast][data-tone=good]").await;
    desk.close_settings().await;
    friend.reload().await;
    friend.await_listed("Ana Oliveira").await;
}

async fn presence_is_hidden_and_shown(desk: &Page, friend: &Page) {
    desk.open_settings("privacy").await;
    a_refused_change_is_not_shown(desk).await;
    desk.click("last-seen-nobody").await;
    desk.picture_in("privacy", ColorScheme::Dark).await;
    // Without a presence to show, the username is shown in its place.
    friend.await_presence("@ana").await;
    desk.click("last-seen-everyone").await;
    friend.await_presence("online").await;
    desk.close_settings().await;
}

async fn a_refused_change_is_not_shown(desk: &Page) {
    let refuse = "
        window.answered = window.fetch;
        window.fetch = async (path, { body }) => {
            window.asked = JSON.parse(body);
            throw new TypeError();
        };";
    desk.ask(refuse, vec![]).await;
    desk.click("last-seen-nobody").await;
    let script = "return document.querySelector('[data-testid=last-seen-everyone]').checked";
    let restored = async || (desk.ask(script, vec![]).await == true).then_some(());
    desk.wait("what holds to be shown", restored).await;
    let asked = desk
        .ask("window.fetch = window.answered; return window.asked", vec![])
        .await;
    assert_eq!(
        asked,
        json!({"settings": {"last_seen": "nobody"}}),
        "and nothing beside it"
    );
}

async fn a_contact_gets_an_alias(desk: &Page) {
    desk.open_chat("Ben Okafor").await;
    desk.click("profile").await;
    desk.click("keep-contact").await;
    desk.find("alias").await.send_keys("Benny").await.unwrap();
    desk.click("contact-save").await;
    desk.await_listed("Benny").await;
    desk.picture("profile of a contact").await;
    desk.reload().await;
    desk.await_listed("Benny").await;
    desk.click("panel-close").await;
    desk.click("contacts").await;
    desk.locate("[data-testid=contact][data-username=ben]").await;
    desk.picture("contacts").await;
    desk.click("drawer-back").await;
}

async fn a_device_is_signed_out(desk: &Page, phone: &Page) {
    desk.open_settings("devices").await;
    desk.locate("[data-testid=session][data-current=true]").await;
    desk.picture("devices").await;
    desk.click("end-session").await;
    desk.click("confirm-yes").await;
    phone.find("sign-in-form").await;
    phone.find("notice").await;
    desk.await_absent("[data-testid=session][data-current=false]").await;
    desk.close_settings().await;
}

async fn the_account_is_deleted(desk: &Page, friend: &Page) {
    desk.open_settings("delete").await;
    let field = desk.find("password").await;
    field.send_keys("not the password").await.unwrap();
    desk.click("delete-account").await;
    desk.find("form-error").await;
    desk.picture("wrong password").await;
    field.clear().await.unwrap();
    field.send_keys(&password("ana")).await.unwrap();
    desk.click("delete-account").await;
    desk.find("sign-in-form").await;
    let script = "return document.querySelector('[data-testid=notice]')?.innerText.includes('deleted') ?? false";
    assert_eq!(desk.ask(script, vec![]).await, json!(true));

    friend.reload().await;
    friend.find("peer-deleted").await;
    friend.await_listed("Deleted account").await;
    friend.await_body("Hello Ana").await;
    friend.picture("a deleted account").await;
}

//! Web client in real browsers: two users on a desktop and a phone screen, three users in a group, and their files.

mod account;
mod actions;
mod files;
mod media;
mod page;
mod pictures;
mod samples;
mod three;

use letsapp_testkit::chromium::{Chromium, ColorScheme, Screen};
use letsapp_testkit::server::Running;
use serde_json::Value;

use crate::http::Http;
use crate::people::Person;
use crate::server;
use page::{Page, Seen, Tick};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_talk_through_two_restarts_and_see_the_same() {
    let Some(chromium) = Chromium::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let binary = server::at_one_address(directory.path());
    let mut server = binary.start().await;
    let ana = Page::open(&chromium, Screen::Desktop, "desk", &server.url()).await;
    let ben = Page::open(&chromium, Screen::Phone, "phone", &server.url()).await;

    ana.sign_up("ana", "Ana Oliveira").await;
    ben.sign_up("ben", "Ben Okafor").await;
    a_message_is_sent_then_delivered_then_read(&ana, &ben, &server).await;
    messages_are_edited_reacted_to_and_deleted(&ana, &ben).await;
    ana.assert_console_is_clean().await;
    ben.assert_console_is_clean().await;

    assert!(server.terminate().await.success());
    messages_written_offline_are_queued(&ana, &ben, "while it restarts").await;
    server = binary.start().await;
    queued_messages_arrive(&ana, &ben, "while it restarts").await;

    server.kill9();
    messages_written_offline_are_queued(&ana, &ben, "while it is dead").await;
    server = binary.start().await;
    queued_messages_arrive(&ana, &ben, "while it is dead").await;

    ana.assert_console_shows_only_lost_connections().await;
    ben.assert_console_shows_only_lost_connections().await;
    both_see_what_the_server_has(&ana, &ben, &server).await;
    for page in [&ana, &ben] {
        page.reload().await;
    }
    both_see_what_the_server_has(&ana, &ben, &server).await;
    a_long_history_is_loaded_up_to_its_start(&ana, &server).await;
    a_group_is_shown(&ana, &ben, &server).await;
    ana.assert_console_is_clean().await;
    ben.assert_console_is_clean().await;
    assert!(server.terminate().await.success());
}

async fn a_message_is_sent_then_delivered_then_read(ana: &Page, ben: &Page, server: &Running) {
    ben.leave().await;
    ana.find_person("be", "ben").await;
    ana.picture("empty chat").await;
    ana.write("Hello Ben, are you there?").await;
    ana.await_tick("Hello Ben, are you there?", Tick::Sent).await;

    ben.enter(&server.url()).await;
    ana.await_tick("Hello Ben, are you there?", Tick::Delivered).await;
    ben.await_unread("Ana Oliveira", Some("1")).await;
    ben.picture("list").await;

    ben.open_chat("Ana Oliveira").await;
    ana.await_tick("Hello Ben, are you there?", Tick::Read).await;
    ben.await_unread("Ana Oliveira", None).await;
    ben.write("Here I am!\nA line of its own, and a link: https://example.org/a?b=c")
        .await;
    ben.await_tick("Here I am!", Tick::Read).await;
    ana.await_body("Here I am!").await;
}

async fn messages_are_edited_reacted_to_and_deleted(ana: &Page, ben: &Page) {
    ana.write("The conzert is at eight").await;
    ben.await_body("The conzert is at eight").await;
    ana.edit("The conzert is at eight", "The concert is at eight").await;
    ben.await_seen(|seen| seen.body == "The concert is at eight" && seen.edited)
        .await;

    ben.react("The concert is at eight", "❤️").await;
    ana.await_seen(|seen| seen.body == "The concert is at eight" && seen.reactions == [("❤️".into(), 1)])
        .await;
    ana.react("The concert is at eight", "❤️").await;
    ben.await_seen(|seen| seen.reactions == [("❤️".into(), 2)]).await;
    ben.react("The concert is at eight", "🎉").await;
    ana.await_seen(|seen| seen.reactions.len() == 2).await;

    ben.write("Oops, wrong chat").await;
    ana.await_body("Oops, wrong chat").await;
    ben.delete("Oops, wrong chat").await;
    ana.await_seen(|seen| seen.deleted).await;
    ana.write(
        "This one is long, to see how the text of a message wraps when it doesn't fit in a line, not on a desk and \
               even less on a phone, where there is room for a few words only.",
    )
    .await;
    ben.await_body("This one is long").await;
    for (page, scheme) in [
        (ana, ColorScheme::Light),
        (ben, ColorScheme::Light),
        (ana, ColorScheme::Dark),
        (ben, ColorScheme::Dark),
    ] {
        page.picture_in("chat", scheme).await;
    }
}

async fn messages_written_offline_are_queued(ana: &Page, ben: &Page, when: &str) {
    for page in [ana, ben] {
        page.await_connection("offline").await;
        for part in ["one", "two"] {
            let text = format!("{} {when}, {part}", page.device);
            page.write(&text).await;
            page.await_tick(&text, Tick::Sending).await;
        }
        page.picture("offline").await;
    }
}

async fn queued_messages_arrive(ana: &Page, ben: &Page, when: &str) {
    for page in [ana, ben] {
        page.await_connection("online").await;
    }
    for (writer, reader) in [(ana, ben), (ben, ana)] {
        for part in ["one", "two"] {
            let text = format!("{} {when}, {part}", writer.device);
            reader.await_body(&text).await;
            writer.await_tick(&text, Tick::Read).await;
        }
    }
}

/// Checks that both windows show the same messages, and the same as the server has.
async fn both_see_what_the_server_has(ana: &Page, ben: &Page, server: &Running) {
    let person = Person::sign_in(&Http::new(server.url()), "ana").await;
    let conversation = person.get("/v1/conversations").await["items"][0].clone();
    let history = person.history(conversation["id"].as_str().unwrap()).await;
    let truth: Vec<_> = history.iter().map(seen).collect();
    assert!(truth.len() >= 13 && truth.iter().any(|seen| seen.deleted) && truth.iter().any(|seen| seen.edited));
    for page in [ana, ben] {
        let all = async || Some(page.seen().await).filter(|seen| seen.len() == truth.len());
        assert_eq!(page.wait("all messages", all).await, truth);
    }
    for page in [ana, ben] {
        let read = async || page.ticks().await.iter().all(|tick| *tick == Tick::Read).then_some(());
        page.wait("all to be read", read).await;
    }
    let receipt = &conversation["peer_receipt"];
    assert_eq!(receipt["read_seq"], conversation["head"]["seq"], "ben has read it all");
    assert_eq!(conversation["me"]["unread"], 0);
    assert_eq!(ana.previews().await, ben.previews().await);
}

/// Converts a message of the server to the form in which a window shows it.
fn seen(message: &Value) -> Seen {
    let reactions = message["reactions"].as_array().unwrap().iter();
    let reactions = reactions.map(|it| (it["emoji"].as_str().unwrap().to_owned(), it["count"].as_u64().unwrap()));
    let deleted = !message["deleted_at"].is_null();
    Seen {
        seq: message["seq"].as_u64().unwrap(),
        body: message["body"].as_str().unwrap().to_owned(),
        edited: !message["edited_at"].is_null() && !deleted,
        deleted,
        reactions: reactions.collect(),
    }
}

async fn a_long_history_is_loaded_up_to_its_start(ana: &Page, server: &Running) {
    let http = Http::new(server.url());
    let (teller, listener) = (
        Person::sign_up(&http, "teller").await,
        Person::sign_in(&http, "ana").await,
    );
    let conversation = teller.talk_to(&listener).await;
    for chapter in 1..=180 {
        let message = serde_json::json!({"body": format!("Chapter {chapter}")});
        teller
            .post(&format!("/v1/conversations/{conversation}/messages"), message)
            .await;
    }
    ana.await_unread("teller", Some("180")).await;
    ana.picture("unread").await;
    ana.open_chat("teller").await;
    ana.await_body("Chapter 1").await;
    ana.scroll_to_start("Chapter 1").await;
    ana.picture("start of a long story").await;
    ana.scroll_to_end().await;
    ana.await_unread("teller", None).await;
}

async fn a_group_is_shown(ana: &Page, ben: &Page, server: &Running) {
    let http = Http::new(server.url());
    let (first, second) = (Person::sign_in(&http, "ana").await, Person::sign_in(&http, "ben").await);
    let third = Person::sign_up(&http, "cleo").await;
    let conversation = first.gather(&[second.clone(), third.clone()]).await;
    for (writer, body) in [
        (&first, "Who brings what?"),
        (&second, "Salad"),
        (&third, "Bread"),
        (&third, "And 🧀"),
        (&second, "🎉"),
    ] {
        writer
            .post(
                &format!("/v1/conversations/{conversation}/messages"),
                serde_json::json!({"body": body}),
            )
            .await;
    }
    for page in [ana, ben] {
        page.to_list().await;
        page.open_chat("All of us").await;
        page.await_body("Bread").await;
        for scheme in [ColorScheme::Light, ColorScheme::Dark] {
            page.picture_in("group", scheme).await;
        }
        page.show_members().await;
        page.picture("members").await;
    }
}

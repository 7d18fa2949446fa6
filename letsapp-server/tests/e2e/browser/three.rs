//! Three users in three browsers: a group from its creation until members leave.

use letsapp_testkit::chromium::{Chromium, ColorScheme, Screen};
use letsapp_testkit::server::Running;
use serde_json::json;

use super::page::{Page, Seen, Tick};
use super::seen;
use crate::http::Http;
use crate::people::Person;
use crate::server;

const GROUP: &str = "Trip to Porto";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_people_live_in_a_group_and_see_the_same() {
    let Some(chromium) = Chromium::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut server = server::at_one_address(directory.path()).start().await;
    let ana = Page::open(&chromium, Screen::Desktop, "ana", &server.url()).await;
    let ben = Page::open(&chromium, Screen::Phone, "ben", &server.url()).await;
    let cleo = Page::open(&chromium, Screen::Desktop, "cleo", &server.url()).await;
    ana.sign_up("ana", "Ana Oliveira").await;
    ben.sign_up("ben", "Ben Okafor").await;
    cleo.sign_up("cleo", "Cleo Dubois").await;

    a_group_is_made_and_managed(&ana, &ben, &cleo).await;
    members_reply_mention_and_react(&ana, &ben, &cleo).await;
    a_reply_and_a_form_are_kept_until_cancelled(&ana, &ben).await;
    a_removed_member_misses_messages_until_added_again(&ana, &ben, &cleo).await;
    typing_and_presence_are_shown(&ana, &ben, &cleo).await;
    all_windows_show_what_the_server_has(&[&ana, &ben, &cleo], &server).await;
    the_history_is_searched(&ana, &ben, &server).await;
    a_block_refuses_a_direct_message(&ben, &cleo).await;
    a_member_leaves_and_sees_nothing_newer(&ana, &ben, &cleo, &server).await;
    for page in [&ana, &ben, &cleo] {
        page.assert_console_is_clean().await;
    }
    assert!(server.terminate().await.success());
}

async fn a_group_is_made_and_managed(ana: &Page, ben: &Page, cleo: &Page) {
    ana.make_group(GROUP, &["ben"]).await;
    ben.open_chat(GROUP).await;
    ben.await_told("Ana Oliveira created the group").await;
    ana.add_members(&["cleo"]).await;
    cleo.open_chat(GROUP).await;
    cleo.await_told("Ana Oliveira added you").await;
    ben.await_told("Ana Oliveira added Cleo Dubois").await;

    ana.choose_for_member("ben", "promote").await;
    ben.await_told("Ana Oliveira made you an admin").await;
    ben.rename_group("Porto in May", "Trains, beds, pastéis").await;
    cleo.await_listed("Porto in May").await;
    ana.await_told("Ben Okafor named the group “Porto in May”").await;
    ana.rename_group(GROUP, ", and the sea").await;
    for page in [ana, ben, cleo] {
        page.await_told(match page.device {
            "ana" => "You named the group “Trip to Porto”",
            _ => "Ana Oliveira named the group “Trip to Porto”",
        })
        .await;
        page.await_members(&[("ana", "owner"), ("ben", "admin"), ("cleo", "member")])
            .await;
        for scheme in [ColorScheme::Light, ColorScheme::Dark] {
            page.picture_in("group made", scheme).await;
        }
    }
}

async fn members_reply_mention_and_react(ana: &Page, ben: &Page, cleo: &Page) {
    ana.write("Who books the train?").await;
    ben.await_body("Who books the train?").await;
    ben.reply("Who books the train?", "I can, on Friday").await;
    for page in [ana, cleo] {
        page.await_quote("I can, on Friday", "Who books the train?").await;
    }
    cleo.mention("@be", "ben", "is the best").await;
    for page in [ana, ben] {
        page.await_body("@ben is the best").await;
        page.await_mention("ben").await;
    }
    ana.pick_emoji("pizza", "🍕").await;
    ana.write(" first").await;
    cleo.await_body("🍕 first").await;
    ben.react("🍕 first", "❤️").await;
    cleo.await_seen(|seen| seen.body == "🍕 first" && seen.reactions == [("❤️".into(), 1)])
        .await;
    cleo.react("🍕 first", "❤️").await;
    for page in [ana, ben, cleo] {
        page.await_seen(|seen| seen.reactions == [("❤️".into(), 2)]).await;
        for scheme in [ColorScheme::Light, ColorScheme::Dark] {
            page.picture_in("talk", scheme).await;
        }
    }
    ana.choose("🍕 first", "reactions").await;
    for username in ["ben", "cleo"] {
        ana.locate(&format!("[data-testid=reactor][data-username='{username}']"))
            .await;
    }
    ana.picture("who reacted").await;
    ana.click("dialog-close").await;
}

async fn a_reply_and_a_form_are_kept_until_cancelled(ana: &Page, ben: &Page) {
    ana.tool("I can, on Friday", "reply").await;
    ana.find("replying").await;
    ana.choose("🍕 first", "reactions").await;
    ana.find("reactor").await;
    ana.click("dialog-close").await;
    ana.find("replying").await;
    ana.click("cancel-reply").await;

    ana.show_members().await;
    ana.click("edit-group").await;
    ana.find("title").await.send_keys(", by train").await.unwrap();
    ben.write("At nine, then").await;
    ana.await_body("At nine, then").await;
    let script = "return document.querySelector('[data-testid=title]').value";
    assert_eq!(ana.ask(script, vec![]).await, json!(format!("{GROUP}, by train")));
    ana.click("dialog-close").await;
    ana.click("panel-close").await;
}

/// Checks that a removed member sees no messages from the time of their absence, and new ones after their return.
async fn a_removed_member_misses_messages_until_added_again(ana: &Page, ben: &Page, cleo: &Page) {
    ben.choose_for_member("cleo", "remove").await;
    cleo.find("left").await;
    cleo.picture("removed").await;
    ana.write("Let us surprise Cleo").await;
    ben.await_body("Let us surprise Cleo").await;
    ana.add_members(&["cleo"]).await;
    cleo.open_chat(GROUP).await;
    ana.write("Welcome back!").await;
    cleo.await_body("Welcome back!").await;
    let bodies: Vec<_> = cleo.seen().await.into_iter().map(|seen| seen.body).collect();
    assert!(bodies.iter().any(|body| body == "🍕 first"));
    assert!(!bodies.iter().any(|body| body == "Let us surprise Cleo"), "{bodies:?}");
}

async fn typing_and_presence_are_shown(ana: &Page, ben: &Page, cleo: &Page) {
    ben.begin_to_write("Hm, ").await;
    ana.await_typing(Some("Ben Okafor is typing…")).await;
    cleo.await_typing(Some("Ben Okafor is typing…")).await;
    ana.picture("typing").await;
    ben.write("let me think").await;
    ana.await_body("Hm, let me think").await;
    ana.await_typing(None).await;

    cleo.find_person("ben", "ben").await;
    cleo.await_presence("online").await;
    cleo.write("Ben, just us two").await;
    ben.follow_notice("Cleo Dubois").await;
    ben.await_body("Ben, just us two").await;
    cleo.await_tick("Ben, just us two", Tick::Read).await;
    cleo.picture("presence").await;
}

/// Checks that all windows show the same messages, and the same as the server has.
async fn all_windows_show_what_the_server_has(pages: &[&Page], server: &Running) {
    let http = Http::new(server.url());
    for page in pages {
        let person = Person::sign_in(&http, page.device).await;
        let group = group_of(&person).await;
        let history = person.history(&group).await;
        let truth: Vec<Seen> = history.iter().filter(|it| it["kind"] == "user").map(seen).collect();
        page.to_list().await;
        page.open_chat(GROUP).await;
        let all = async || Some(page.seen().await).filter(|shown| *shown == truth);
        page.wait("what the server has", all).await;
    }
    assert_eq!(pages[0].seen().await, pages[1].seen().await);
}

async fn the_history_is_searched(ana: &Page, ben: &Page, server: &Running) {
    let person = Person::sign_in(&Http::new(server.url()), "ben").await;
    let path = format!("/v1/conversations/{}/messages", group_of(&person).await);
    for day in 1..=260 {
        let body = match day {
            40 => "The lighthouse closes at six".to_owned(),
            day => format!("Diary, day {day}"),
        };
        person.post(&path, json!({ "body": body })).await;
    }
    ana.await_body("Diary, day 260").await;
    ana.reload().await;
    ana.search_here("lighth", "The lighthouse closes at six").await;
    for scheme in [ColorScheme::Light, ColorScheme::Dark] {
        ana.picture_in("found", scheme).await;
    }
    ana.click("panel-close").await;
    ana.pin_in_search(GROUP).await;
    ana.scroll_down_to("Diary, day 260").await;
    ben.to_list().await;
    ben.search_everywhere("lighthouse", "The lighthouse closes at six")
        .await;
    ben.scroll_down_to("Diary, day 260").await;
    ben.to_list().await;
    ben.stop_searching().await;
}

async fn a_block_refuses_a_direct_message(ben: &Page, cleo: &Page) {
    ben.open_chat("Cleo Dubois").await;
    ben.block_peer().await;
    cleo.open_chat("Ben Okafor").await;
    cleo.write("Are you still there?").await;
    cleo.await_refused("You can’t write to this conversation.").await;
    ben.unblock_peer().await;
    cleo.try_again().await;
    ben.await_body("Are you still there?").await;
}

async fn a_member_leaves_and_sees_nothing_newer(ana: &Page, ben: &Page, cleo: &Page, server: &Running) {
    cleo.open_chat(GROUP).await;
    cleo.await_body("Diary, day 260").await;
    cleo.leave_group().await;
    cleo.await_unlisted(GROUP).await;
    ana.await_told("Cleo Dubois left").await;
    ana.write("Now it is only us").await;
    ben.to_list().await;
    ben.open_chat(GROUP).await;
    ben.await_body("Now it is only us").await;
    assert_eq!(ana.last_seen(20).await, ben.last_seen(20).await);

    let person = Person::sign_in(&Http::new(server.url()), "ana").await;
    let group = group_of(&person).await;
    let gone = Person::sign_in(&Http::new(server.url()), "cleo").await;
    let last = gone.history(&group).await.pop().unwrap();
    assert_eq!(last["system"]["type"], "member_left");
    cleo.await_unlisted(GROUP).await;
    for page in [ana, ben] {
        page.await_members(&[("ana", "owner"), ("ben", "admin")]).await;
    }

    // Messages from before the leave are still found.
    cleo.open_chat("Ben Okafor").await;
    cleo.reload().await;
    cleo.search_everywhere("lighthouse", "The lighthouse closes at six")
        .await;
    cleo.find("left").await;
    cleo.stop_searching().await;
    cleo.await_unlisted(GROUP).await;
}

async fn group_of(person: &Person) -> String {
    let list = person.get("/v1/conversations").await;
    let group = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["kind"] == "group");
    group.unwrap()["id"].as_str().unwrap().to_owned()
}

//! Sizes of answers: long items make short pages, and the next page goes on where one ended.

use letsapp_core::domain::id::{ConversationId, Rev};
use letsapp_core::domain::page::{Limit, MAX_ANSWER_BYTES};
use letsapp_core::domain::principal::Principal;
use letsapp_core::ports::Range;
use letsapp_core::protocol::requests::SearchMessages;
use serde::Serialize;

use crate::world::{World, limit};

/// Number of items whose sizes add up to more than two answers.
const MANY: usize = 140;

/// Returns about the longest text that a message can have: 64 KiB.
fn long(word: &str) -> String {
    format!("{word} {}", "👩‍👩‍👧".repeat(3_600))
}

#[track_caller]
fn check_size(items: &impl Serialize) {
    let bytes = serde_json::to_vec(items).unwrap().len();
    assert!(bytes <= MAX_ANSWER_BYTES, "{bytes} bytes");
}

async fn with_long_messages() -> (World, Principal, ConversationId) {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.direct(&ana, &ben).await;
    for _ in 0..MANY {
        world.say(&ana, chat, &long("tea")).await;
    }
    (world, ben, chat)
}

#[tokio::test]
async fn pages_of_history_are_bounded_in_bytes() {
    let (world, ben, chat) = with_long_messages().await;
    let (mut range, mut read, mut pages) = (Range::Newest, Vec::new(), 0);
    loop {
        let page = world.app.messages().history(&ben, chat, range, limit(Limit::MAX)).await;
        let page = page.unwrap();
        check_size(&page.items);
        pages += 1;
        read.extend(page.items.iter().map(|message| message.seq.0));
        match page.next {
            Some(next) => range = Range::Before(next),
            None => break,
        }
    }
    assert!(read.into_iter().eq((1..=MANY as u64).rev()));
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn pages_of_changes_are_bounded_in_bytes() {
    let (world, ben, chat) = with_long_messages().await;
    let (mut after, mut read, mut pages) = (Rev::ZERO, Vec::new(), 0);
    loop {
        let page = world.app.messages().changes(&ben, chat, after, limit(Limit::MAX)).await;
        let page = page.unwrap();
        check_size(&page.items);
        pages += 1;
        read.extend(page.items.iter().map(|message| message.rev.0));
        after = page.rev;
        if page.next.is_none() {
            break;
        }
        assert_eq!(page.next, Some(page.rev), "the changes left out come next");
    }
    assert!(read.into_iter().eq(1..=MANY as u64));
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn pages_of_found_messages_are_bounded_in_bytes() {
    let (world, ben, _) = with_long_messages().await;
    let (mut past, mut read, mut pages) = (None, Vec::new(), 0);
    loop {
        let request = SearchMessages::text("tea").unwrap();
        let page = world
            .app
            .messages()
            .search(&ben, request, past, limit(Limit::MAX))
            .await;
        let page = page.unwrap();
        check_size(&page.items);
        pages += 1;
        read.extend(page.items.iter().map(|hit| hit.message.seq.0));
        assert!(!page.partial);
        past = page.next;
        if past.is_none() {
            break;
        }
    }
    assert!(read.into_iter().eq((1..=MANY as u64).rev()));
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn pages_of_conversations_with_long_messages_are_bounded_in_bytes() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut expected = Vec::new();
    for _ in 0..MANY {
        let id = world.group(&ana, &[]).await;
        world.clock.advance(std::time::Duration::from_secs(1));
        world.say(&ana, id, &long("tea")).await;
        expected.push(id);
    }
    expected.reverse();
    let (mut after, mut read, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = world.app.conversations().list(&ana, after, limit(Limit::MAX)).await;
        let page = page.unwrap();
        check_size(&page.items);
        pages += 1;
        read.extend(page.items.iter().map(|conversation| conversation.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(read, expected);
    assert_eq!(pages, 3);
}

use std::time::Duration;

use letsapp_core::domain::id::{ConversationId, Seq};
use letsapp_core::domain::page::Limit;
use letsapp_core::domain::principal::Principal;
use letsapp_core::protocol::SearchHit;
use letsapp_core::protocol::requests::SearchMessages;
use letsapp_core::services::ConversationError;

use crate::world::{World, edit, limit};

fn words(words: &str) -> SearchMessages {
    SearchMessages::text(words).unwrap()
}

fn within(conversation_id: ConversationId, q: &str) -> SearchMessages {
    SearchMessages {
        conversation_id: Some(conversation_id),
        ..words(q)
    }
}

async fn found(world: &World, who: &Principal, request: SearchMessages) -> Vec<String> {
    let page = world
        .app
        .messages()
        .search(who, request, None, limit(200))
        .await
        .unwrap();
    page.items.into_iter().map(|hit| hit.message.body).collect()
}

#[tokio::test]
async fn a_search_finds_visible_messages_in_all_conversations() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let (ours, theirs) = (world.direct(&ana, &ben).await, world.direct(&ben, &cem).await);
    let group = world.group(&ana, &[&ben, &cem]).await;
    for (who, id, said) in [
        (&ana, ours, "Tea, Ben?"),
        (&cem, theirs, "no tea for Ana"),
        (&cem, group, "tea for everyone"),
        (&ben, ours, "steam"),
    ] {
        world.say(who, id, said).await;
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(
        found(&world, &ana, words("tea")).await,
        ["tea for everyone", "Tea, Ben?"]
    );
    assert_eq!(
        found(&world, &cem, words("tea")).await,
        ["tea for everyone", "no tea for Ana"]
    );
    assert_eq!(found(&world, &ben, within(theirs, "tea")).await, ["no tea for Ana"]);
    let cems = SearchMessages {
        from: Some(cem.user_id),
        ..words("tea")
    };
    assert_eq!(found(&world, &ana, cems).await, ["tea for everyone"]);
    let hidden = world
        .app
        .messages()
        .search(&ana, within(theirs, "tea"), None, Limit::default())
        .await;
    assert!(matches!(hidden, Err(ConversationError::NotFound)));
    assert_eq!(found(&world, &ana, words("?!")).await, [""; 0]);
}

#[tokio::test]
async fn former_members_find_the_messages_they_could_see() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[]).await;
    world.say(&ana, group, "tea before").await;
    world.add(&ana, group, ben.user_id).await;
    world.say(&ana, group, "tea during").await;
    world.remove(&ana, group, ben.user_id).await.unwrap();
    world.say(&ana, group, "tea after").await;
    assert_eq!(found(&world, &ben, words("tea")).await, ["tea during"]);
    assert_eq!(found(&world, &ben, within(group, "tea")).await, ["tea during"]);
    world.add(&ana, group, ben.user_id).await;
    world.clock.advance(Duration::from_secs(1));
    world.say(&ana, group, "tea again").await;
    assert_eq!(found(&world, &ben, words("tea")).await, ["tea again", "tea during"]);
    assert_eq!(found(&world, &ana, words("tea")).await.len(), 4);
}

#[tokio::test]
async fn an_edit_is_found_and_a_deletion_is_not() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "tea").await;
    let edit = edit("coffee");
    let messages = world.app.messages();
    messages.edit(&ana, chat, Seq(1), edit, None).await.unwrap();
    assert_eq!(found(&world, &ben, words("tea")).await, [""; 0]);
    assert_eq!(found(&world, &ben, words("coffee")).await, ["coffee"]);
    messages.delete(&ana, chat, Seq(1), None).await.unwrap();
    assert_eq!(found(&world, &ben, words("coffee")).await, [""; 0]);
}

#[tokio::test]
async fn pages_of_a_search_continue_while_messages_are_sent() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    for _ in 0..9 {
        world.say(&ana, chat, "tea").await;
    }
    let mut hits: Vec<SearchHit> = Vec::new();
    let mut past = None;
    loop {
        let page = world
            .app
            .messages()
            .search(&ben, words("tea"), past, limit(4))
            .await
            .unwrap();
        hits.extend(page.items);
        world.clock.advance(Duration::from_secs(1));
        world.say(&ana, chat, "more tea").await;
        past = page.next;
        if past.is_none() {
            break;
        }
    }
    let seqs: Vec<_> = hits.iter().map(|hit| hit.message.seq.0).collect();
    assert_eq!(seqs, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert!(hits.iter().all(|hit| hit.score == 20 && hit.highlights.len() == 1));
}

use std::collections::BTreeMap;

use letsapp_core::domain::id::{ConversationId, Rev, Seq};
use letsapp_core::domain::member::Watermarks;
use letsapp_core::domain::principal::Principal;
use letsapp_core::protocol::{Sync, SyncRequest, SyncSince};

use crate::world::{World, after};

#[tokio::test]
async fn a_sync_returns_all_changes_since_the_last_one_and_only_those() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut chats = Vec::new();
    for n in 0..4 {
        let friend = world.person(&format!("friend{n}")).await;
        let chat = world.direct(&ana, &friend).await;
        world.say(&friend, chat, "hello").await;
        chats.push((friend, chat));
    }
    world.clock.advance(std::time::Duration::from_secs(11));
    let first = world.sync(&ana, SyncRequest::default()).await;
    assert_eq!(
        (first.conversations.len(), first.changes.len()),
        (4, 0),
        "new ones come with their head"
    );
    assert!(first.positions.values().all(|rev| *rev == Rev(1)));

    world.clock.advance(std::time::Duration::from_secs(60));
    let (friend, chat) = &chats[2];
    world.say(friend, *chat, "news").await;
    world.app.messages().delete(friend, *chat, Seq(1), None).await.unwrap();
    let request = after(&first);
    let second = world.sync(&ana, request).await;
    let changed: Vec<_> = second
        .conversations
        .iter()
        .map(|conversation| conversation.id)
        .collect();
    assert_eq!(changed, [*chat]);
    let revs: Vec<_> = second
        .changes
        .iter()
        .map(|message| (message.seq.0, message.rev.0))
        .collect();
    assert_eq!(revs, [(2, 2), (1, 3)], "each changed message once, by rev");
    assert_eq!((second.positions[chat], second.more), (Rev(3), false));
    assert!(second.removed.is_empty() && second.reset.is_empty());
}

#[tokio::test]
async fn a_receipt_of_the_peer_is_a_change_of_the_conversation() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "read this").await;
    world.clock.advance(std::time::Duration::from_secs(11));
    let first = world.sync(&ana, SyncRequest::default()).await;
    let request = after(&first);
    let quiet = request.clone();
    assert!(world.sync(&ana, quiet).await.conversations.is_empty());
    world.clock.advance(std::time::Duration::from_secs(11));
    world
        .app
        .messages()
        .advance(&ben, chat, Watermarks::read(Seq(1)), None)
        .await
        .unwrap();
    let second = world.sync(&ana, request).await;
    assert_eq!(second.conversations[0].peer_receipt.unwrap().read_seq, Seq(1));
}

#[tokio::test]
async fn a_sync_removes_left_and_unknown_conversations_with_the_changes_up_to_leaving() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    let held = world.sync(&ben, SyncRequest::default()).await.positions;
    world.say(&ana, group, "one more").await;
    world.remove(&ana, group, ben.user_id).await.unwrap();
    world.say(&ana, group, "he is gone").await;
    let unknown = ConversationId::from_bytes([9; 16]);
    let mut conversations = held;
    conversations.insert(unknown, Rev(7));
    let answer = world
        .app
        .conversations()
        .sync(
            &ben,
            SyncRequest {
                conversations,
                since: None,
            },
        )
        .await
        .unwrap();
    let mut removed = answer.removed;
    removed.sort_unstable();
    let mut expected = vec![group, unknown];
    expected.sort_unstable();
    assert_eq!(removed, expected);
    let seqs: Vec<_> = answer.changes.iter().map(|message| message.seq.0).collect();
    assert_eq!(seqs, [2, 3]);
    assert!(answer.conversations.is_empty());
}

#[tokio::test]
async fn a_sync_resets_after_more_than_a_thousand_changes() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    for n in 0..1_001 {
        world.say(&ana, chat, &n.to_string()).await;
    }
    let ask = |rev| SyncRequest {
        conversations: BTreeMap::from([(chat, Rev(rev))]),
        since: None,
    };
    let reset = world.sync(&ben, ask(0)).await;
    assert_eq!(
        (reset.reset.as_slice(), reset.changes.len(), reset.positions[&chat]),
        (&[chat][..], 0, Rev(1_001))
    );
    let listed = world.sync(&ben, ask(1)).await;
    assert_eq!((listed.reset.len(), listed.changes.len()), (0, 1_000));
}

#[tokio::test]
async fn own_messages_are_never_unread() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    for n in 1..=50 {
        world.say(&ana, chat, &n.to_string()).await;
        let view = world.view(&ana, chat).await;
        assert_eq!((view.me.unread, view.me.read_seq), (0, Seq(n)));
    }
    assert_eq!(world.view(&ben, chat).await.me.unread, 50);
}

#[tokio::test]
async fn preferences_are_synced_to_the_users_other_devices() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.clock.advance(std::time::Duration::from_secs(60));
    let first = world.sync(&ana, SyncRequest::default()).await;
    // In the same millisecond as the sync, because the clock stands still.
    world.archive(&ana, chat).await;
    let second = world.sync(&ana, after(&first)).await;
    assert_eq!(second.conversations.len(), 1);
    assert!(second.conversations[0].me.archived);
}

/// Syncs until there is no more, as a client does. Returns all answers; the last one's mark and positions are the
/// client's.
async fn sync_all(world: &World, principal: &Principal, mut request: SyncRequest) -> Vec<Sync> {
    let mut answers = Vec::new();
    loop {
        let answer = world.sync(principal, request.clone()).await;
        request.conversations.extend(answer.positions.clone());
        request.since = Some(SyncSince::Mark(answer.mark));
        let more = answer.more;
        answers.push(answer);
        assert!(answers.len() < 100, "it does not end");
        if !more {
            return answers;
        }
    }
}

fn listed(answers: &[Sync]) -> Vec<ConversationId> {
    let views = answers.iter().flat_map(|answer| &answer.conversations);
    let mut ids: Vec<_> = views.map(|view| view.id).collect();
    ids.sort_unstable();
    ids
}

fn large() -> String {
    "\u{1f642}".repeat(4_096)
}

#[tokio::test]
async fn a_sync_of_many_long_messages_comes_in_parts_and_is_complete() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let mut chats = Vec::new();
    for _ in 0..2 {
        let group = world.group(&ana, &[&ben]).await;
        for _ in 0..400 {
            world.say(&ana, group, &large()).await;
        }
        chats.push(group);
    }
    let request = SyncRequest {
        conversations: chats.iter().map(|id| (*id, Rev(1))).collect(),
        since: None,
    };
    let answers = sync_all(&world, &ben, request).await;
    assert!(answers.len() > 2, "{} answers", answers.len());
    for group in &chats {
        let changes = answers.iter().flat_map(|answer| &answer.changes);
        let revs = changes.filter(|message| message.conversation_id == *group);
        let revs: Vec<_> = revs.map(|message| message.rev.0).collect();
        assert_eq!(revs, (2..=401).collect::<Vec<_>>(), "each once, in order");
        assert_eq!(answers.last().unwrap().positions[group], Rev(401));
    }
    assert!(answers.iter().all(|answer| answer.reset.is_empty()));
    let mut expected = chats.clone();
    expected.sort_unstable();
    let mut listed = listed(&answers);
    // Once more in the end: a client without a mark does not say what it knows of them.
    listed.dedup();
    assert_eq!(listed, expected, "each with its last change");
}

#[tokio::test]
async fn a_first_sync_comes_in_parts_with_the_latest_activity_first() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut chats = Vec::new();
    for _ in 0..600 {
        let group = world.group(&ana, &[]).await;
        world.clock.advance(std::time::Duration::from_secs(1));
        world.say(&ana, group, &large()).await;
        chats.push(group);
    }
    let answers = sync_all(&world, &ana, SyncRequest::default()).await;
    assert!(answers.len() > 1);
    let order: Vec<_> = answers
        .iter()
        .flat_map(|answer| &answer.conversations)
        .map(|view| view.id)
        .collect();
    chats.reverse();
    assert_eq!(order, chats);

    // Then all of them change at once, other than by messages.
    for id in &chats {
        world.archive(&ana, *id).await;
    }
    let last = answers.last().unwrap();
    let mut request = SyncRequest {
        conversations: answers.iter().flat_map(|answer| answer.positions.clone()).collect(),
        since: Some(SyncSince::Mark(last.mark)),
    };
    let answers = sync_all(&world, &ana, request.clone()).await;
    assert!(answers.len() > 1);
    chats.sort_unstable();
    assert_eq!(listed(&answers), chats, "each once");
    request.since = Some(SyncSince::Mark(answers.last().unwrap().mark));
    assert_eq!(listed(&sync_all(&world, &ana, request).await), []);
}

#[tokio::test]
async fn what_changes_between_two_parts_of_a_sync_is_not_lost() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut chats = Vec::new();
    for _ in 0..600 {
        let group = world.group(&ana, &[]).await;
        world.say(&ana, group, &large()).await;
        chats.push(group);
    }
    let mut request = SyncRequest::default();
    let mut changed = None;
    let mut archived = Vec::new();
    loop {
        let answer = world.sync(&ana, request.clone()).await;
        archived.extend(
            answer
                .conversations
                .iter()
                .filter(|view| view.me.archived)
                .map(|view| view.id),
        );
        request.conversations.extend(answer.positions);
        request.since = Some(SyncSince::Mark(answer.mark));
        if !answer.more {
            break;
        }
        if changed.is_none() {
            let id = answer.conversations[0].id;
            world.archive(&ana, id).await;
            changed = Some(id);
        }
    }
    assert_eq!(archived, [changed.expect("there was more than one part")]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_hides_no_change() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "read this").await;
    let first = world.sync(&ana, SyncRequest::default()).await;
    let now = world.app.clock().now();
    world.clock.set(now.minus(std::time::Duration::from_secs(3_600)));
    let read = Watermarks::read(Seq(1));
    world.app.messages().advance(&ben, chat, read, None).await.unwrap();
    let second = world.sync(&ana, after(&first)).await;
    assert_eq!(second.conversations[0].peer_receipt.unwrap().read_seq, Seq(1));
    world.archive(&ana, chat).await;
    let third = world.sync(&ana, after(&second)).await;
    assert!(third.conversations[0].me.archived);
    assert_eq!(world.sync(&ana, after(&third)).await.conversations, []);

    let later = world.say(&ben, chat, "an hour earlier").await;
    assert!(
        later.sent_at >= now,
        "no message is dated before the one that precedes it"
    );
    let other = world.direct(&ana, &world.person("cem").await).await;
    world.say(&ana, other, "earlier still").await;
    assert_eq!(world.listed(&ana).await[0].id, chat);
}

#[tokio::test]
async fn a_client_that_knows_no_marks_syncs_by_time() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let first = world.sync(&ana, SyncRequest::default()).await;
    let request = SyncRequest {
        conversations: first.positions,
        since: Some(SyncSince::Time(first.server_time)),
    };
    world.clock.advance(std::time::Duration::from_secs(11));
    world.archive(&ana, chat).await;
    let second = world.sync(&ana, request.clone()).await;
    assert!(second.conversations[0].me.archived);
    world.clock.advance(std::time::Duration::from_secs(11));
    let quiet = SyncRequest {
        since: Some(SyncSince::Time(world.app.clock().now())),
        ..request
    };
    assert_eq!(world.sync(&ana, quiet).await.conversations, []);
}

#[tokio::test]
async fn a_position_beyond_the_head_is_reset() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ben, chat, "hello").await;
    let request = SyncRequest {
        conversations: BTreeMap::from([(chat, Rev(5))]),
        since: None,
    };
    let answer = world.sync(&ana, request).await;
    assert_eq!((answer.reset, answer.positions[&chat]), (vec![chat], Rev(1)));
    assert_eq!(answer.conversations[0].head.seq, Seq(1));
    assert_eq!(answer.epoch, world.app.epoch());
}

#[tokio::test]
async fn an_answer_that_messages_fill_exactly_does_not_skip_other_changes() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let (group, chat) = (world.group(&ana, &[&ben]).await, world.direct(&ana, &ben).await);
    for _ in 0..262 {
        world.say(&ana, group, &large()).await;
    }
    let since = Some(SyncSince::Mark(world.sync(&ben, SyncRequest::default()).await.mark));
    assert!(world.archive(&ben, chat).await.me.archived);
    // About 255 of the messages fill an answer, and one of these positions is at the last of them.
    for position in 1..=20 {
        let conversations = BTreeMap::from([(group, Rev(position)), (chat, Rev(0))]);
        let answers = sync_all(&world, &ben, SyncRequest { conversations, since }).await;
        assert!(listed(&answers).contains(&chat), "from {position}");
    }
}

#[tokio::test]
async fn a_client_that_knows_no_marks_loses_nothing_between_the_parts_of_a_sync() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let (group, chat) = (world.group(&ana, &[&ben]).await, world.direct(&ben, &ana).await);
    let first = world.sync(&ben, SyncRequest::default()).await;
    for _ in 0..600 {
        world.say(&ana, group, &large()).await;
    }
    world.clock.advance(std::time::Duration::from_secs(60));
    world.archive(&ben, chat).await;
    world.clock.advance(std::time::Duration::from_secs(60));
    let mut request = SyncRequest {
        conversations: first.positions,
        since: Some(SyncSince::Time(first.server_time)),
    };
    let mut answers = Vec::new();
    while answers.last().is_none_or(|last: &Sync| last.more) {
        let answer = world.sync(&ben, request.clone()).await;
        request.conversations.extend(answer.positions.clone());
        request.since = Some(SyncSince::Time(answer.server_time));
        answers.push(answer);
    }
    assert!(answers.len() > 1, "the messages fill more than one");
    assert!(listed(&answers).contains(&chat));
    assert_eq!(answers.last().unwrap().server_time, world.app.clock().now());
}

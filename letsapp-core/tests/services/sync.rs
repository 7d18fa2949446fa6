use std::collections::BTreeMap;

use letsapp_core::domain::id::{ConversationId, Rev, Seq};
use letsapp_core::domain::member::Watermarks;
use letsapp_core::protocol::SyncRequest;

use crate::world::World;

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
    let first = world
        .app
        .conversations()
        .sync(&ana, SyncRequest::default())
        .await
        .unwrap();
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
    let request = SyncRequest {
        conversations: first.positions,
        since: Some(first.server_time),
    };
    let second = world.app.conversations().sync(&ana, request).await.unwrap();
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
    let first = world
        .app
        .conversations()
        .sync(&ana, SyncRequest::default())
        .await
        .unwrap();
    let request = SyncRequest {
        conversations: first.positions,
        since: Some(first.server_time),
    };
    let quiet = request.clone();
    assert!(
        world
            .app
            .conversations()
            .sync(&ana, quiet)
            .await
            .unwrap()
            .conversations
            .is_empty()
    );
    world.clock.advance(std::time::Duration::from_secs(11));
    world
        .app
        .messages()
        .advance(&ben, chat, Watermarks::read(Seq(1)), None)
        .await
        .unwrap();
    let second = world.app.conversations().sync(&ana, request).await.unwrap();
    assert_eq!(second.conversations[0].peer_receipt.unwrap().read_seq, Seq(1));
}

#[tokio::test]
async fn a_sync_removes_left_and_unknown_conversations_with_the_changes_up_to_leaving() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    let held = world
        .app
        .conversations()
        .sync(&ben, SyncRequest::default())
        .await
        .unwrap()
        .positions;
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
    let reset = world.app.conversations().sync(&ben, ask(0)).await.unwrap();
    assert_eq!(
        (reset.reset.as_slice(), reset.changes.len(), reset.positions[&chat]),
        (&[chat][..], 0, Rev(1_001))
    );
    let listed = world.app.conversations().sync(&ben, ask(1)).await.unwrap();
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
    use letsapp_core::domain::member::PreferencesPatch;
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.clock.advance(std::time::Duration::from_secs(60));
    let conversations = world.app.conversations();
    let first = conversations.sync(&ana, SyncRequest::default()).await.unwrap();
    let patch = PreferencesPatch {
        archived: Some(true),
        ..PreferencesPatch::default()
    };
    // In the same millisecond as the sync, because the clock stands still.
    conversations.update_mine(&ana, chat, patch, None).await.unwrap();
    let request = SyncRequest {
        conversations: first.positions,
        since: Some(first.server_time),
    };
    let second = conversations.sync(&ana, request).await.unwrap();
    assert_eq!(second.conversations.len(), 1);
    assert!(second.conversations[0].me.archived);
}

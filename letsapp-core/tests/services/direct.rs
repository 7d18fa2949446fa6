//! Direct conversations: their ids, and who learns of them when.

use letsapp_core::domain::id::{ConversationId, Seq, UserId};
use letsapp_core::domain::principal::Principal;
use letsapp_core::protocol::requests::SendMessage;
use letsapp_core::protocol::{Event, SyncRequest};
use letsapp_core::services::ConversationError;

use crate::world::World;

impl World {
    /// Returns the conversations in a user's list, and in the answer to their first sync.
    async fn shown(&self, who: &Principal) -> (Vec<ConversationId>, Vec<ConversationId>) {
        let listed = self.listed(who).await;
        let synced = self.sync(who, SyncRequest::default()).await;
        let positions: Vec<_> = synced.positions.keys().copied().collect();
        let ids = |items: Vec<letsapp_core::protocol::Conversation>| -> Vec<_> {
            items.into_iter().map(|conversation| conversation.id).collect()
        };
        let synced = ids(synced.conversations);
        assert_eq!(synced, positions);
        (ids(listed), synced)
    }
}

/// Returns a word for an event of a conversation.
fn told(event: &Event) -> Option<(&'static str, ConversationId)> {
    match event {
        Event::ConversationCreated(conversation) => Some(("created", conversation.id)),
        Event::MessageCreated(message) => Some(("message", message.conversation_id)),
        _ => None,
    }
}

#[tokio::test]
async fn the_id_of_a_direct_conversation_is_random() {
    let (one, other) = (World::new().await, World::new().await);
    let pair = [1, 2].map(|n| UserId::from_bytes([n; 16]));
    let mut ids = Vec::new();
    for world in [&one, &other] {
        let [ana, ben] = world.people(["ana", "ben"]).await;
        assert_ne!([ana.user_id, ben.user_id], pair);
        let id = world.direct(&ana, &ben).await;
        assert_eq!(id.as_uuid().get_version_num(), 4);
        assert_eq!(world.direct(&ben, &ana).await, id);
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn strangers_get_the_same_answer_whether_a_conversation_exists() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "between us").await;
    for id in [chat, ConversationId::from_bytes([9; 16])] {
        let found = world.app.conversations().find(&eve, id).await;
        assert!(matches!(found, Err(ConversationError::NotFound)), "{found:?}");
        let sent = world.send(&eve, id, SendMessage::text("hey").unwrap()).await;
        assert!(matches!(sent, Err(ConversationError::NotFound)), "{sent:?}");
    }
}

#[tokio::test]
async fn a_direct_conversation_without_a_message_is_its_beginners_alone() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let (mut anas, mut bens) = (world.listen(&ana), world.listen(&ben));
    let chat = world.direct(&ben, &ana).await;
    assert_eq!(world.shown(&ben).await, (vec![chat], vec![chat]));
    assert_eq!(world.shown(&ana).await, (vec![], vec![]));
    assert_eq!(world.direct(&ana, &ben).await, chat, "she finds it when she begins one");
    assert_eq!(world.shown(&ana).await, (vec![], vec![]));

    let first = world.say(&ben, chat, "hello").await;
    assert_eq!(world.shown(&ana).await, (vec![chat], vec![chat]));
    assert_eq!(bens.until(told).await, ("created", chat));
    assert_eq!(bens.until(told).await, ("message", chat));
    let created = anas
        .until(|event| match event {
            Event::ConversationCreated(conversation) => Some(conversation.clone()),
            Event::MessageCreated(message) => panic!("{} came first", message.seq),
            _ => None,
        })
        .await;
    assert_eq!((created.id, created.head.seq, created.me.unread), (chat, Seq(1), 1));
    assert_eq!(anas.until(told).await, ("message", first.conversation_id));
    world.say(&ana, chat, "hello to you").await;
    assert_eq!(anas.until(told).await, ("message", chat), "it is announced once");
}

#[tokio::test]
async fn who_writes_first_gets_the_conversation_on_their_other_devices() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ben, &ana).await;
    let (mut phone, mut laptop) = (world.listen(&ana), world.listen(&ana));
    let hello = SendMessage::text("hello").unwrap();
    let origin = Some(phone.connection_id());
    world.app.messages().send(&ana, chat, hello, origin).await.unwrap();
    assert_eq!(laptop.until(told).await, ("created", chat));
    assert_eq!(laptop.until(told).await, ("message", chat));
    world.say(&ben, chat, "you were faster").await;
    assert_eq!(
        phone.until(told).await,
        ("message", chat),
        "the reply told it of the first"
    );
}

#[tokio::test]
async fn messages_behind_the_first_one_keep_their_order() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let mut bens = world.listen(&ben);
    let sends: Vec<_> = (0..40)
        .map(|n| {
            let request = SendMessage::text(n.to_string()).unwrap();
            world.app.messages().send(&ana, chat, request, None)
        })
        .collect();
    for sent in sends {
        sent.await.unwrap();
    }
    assert_eq!(bens.until(told).await, ("created", chat));
    for seq in 1..=40 {
        let next = bens.next().await;
        match next {
            Event::MessageCreated(message) => assert_eq!(message.seq, Seq(seq)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_blocked_users_new_conversation_shows_once_a_message_has_reached_the_other() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    world.app.contacts().block(&ana, ben.user_id).await.unwrap();
    let chat = world.direct(&ben, &ana).await;
    let refused = world.send(&ben, chat, SendMessage::text("psst").unwrap()).await;
    assert!(matches!(refused, Err(ConversationError::Forbidden(_))));
    assert_eq!(world.shown(&ana).await, (vec![], vec![]));
    world.app.contacts().unblock(&ana, ben.user_id).await.unwrap();
    assert_eq!(world.shown(&ana).await, (vec![], vec![]), "it was never written in");
    world.say(&ben, chat, "hello").await;
    assert_eq!(world.shown(&ana).await, (vec![chat], vec![chat]));
    world.app.contacts().block(&ana, ben.user_id).await.unwrap();
    assert_eq!(
        world.shown(&ana).await,
        (vec![chat], vec![chat]),
        "what has reached her stays"
    );
}

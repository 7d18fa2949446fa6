use letsapp_core::domain::emoji::Emoji;
use letsapp_core::domain::id::Seq;
use letsapp_core::domain::member::Watermarks;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::user::About;
use letsapp_core::protocol::Event;
use letsapp_core::protocol::requests::{SendMessage, UpdateConversation};

use crate::world::{World, edit};

#[tokio::test]
async fn everyone_but_the_sending_connection_gets_the_event() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "the first one").await;
    world.until_told(&ana, chat).await;
    let (mut phone, mut desk, mut peer) = (world.listen(&ana), world.listen(&ana), world.listen(&ben));
    let request = SendMessage::text("hello").unwrap();
    let origin = Some(phone.connection_id());
    let (sent, _) = world.app.messages().send(&ana, chat, request, origin).await.unwrap();
    for listener in [&mut desk, &mut peer] {
        let Event::MessageCreated(told) = listener.next().await else {
            panic!("not a message")
        };
        assert_eq!((told.id, told.seq, told.my_reaction), (sent.id, sent.seq, None));
    }
    world.say(&ben, chat, "an answer").await;
    let Event::MessageCreated(told) = phone.next().await else {
        panic!("not a message")
    };
    assert_eq!(
        told.body, "an answer",
        "the sender's own connection has the reply, and no event"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_conversation_come_in_order_of_rev_while_edits_and_appends_race() {
    let world = std::sync::Arc::new(World::new().await);
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    for n in 0..10 {
        world.say(&ana, chat, &n.to_string()).await;
    }
    let mut listener = world.listen(&ben);
    let appends = tokio::spawn({
        let world = world.clone();
        async move {
            for n in 0..100 {
                world.say(&ana, chat, &format!("new {n}")).await;
            }
        }
    });
    let edits = tokio::spawn({
        let world = world.clone();
        async move {
            for n in 0..100 {
                let request = edit(format!("edited {n}"));
                world
                    .app
                    .messages()
                    .edit(&ana, chat, Seq(n % 10 + 1), request, None)
                    .await
                    .unwrap();
                let emoji = Some(Emoji::parse(if n % 2 == 0 { "👍" } else { "🎉" }).unwrap());
                world
                    .app
                    .messages()
                    .react(&ben, chat, Seq(n % 10 + 1), emoji, None)
                    .await
                    .unwrap();
            }
        }
    });
    appends.await.unwrap();
    edits.await.unwrap();
    let head = world.view(&ben, chat).await.head.rev;
    let mut rev = 10;
    while rev < head.0 {
        let next = listener
            .until(|event| match event {
                // Events of changes before the listener connected may still come, as replies do not wait for events.
                Event::MessageCreated(message) | Event::MessageUpdated(message) if message.rev.0 > 10 => {
                    Some(message.rev.0)
                }
                _ => None,
            })
            .await;
        assert_eq!(next, rev + 1, "no hole, nothing out of order");
        rev = next;
    }
}

#[tokio::test]
async fn a_member_who_may_not_see_a_change_gets_its_rev() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[]).await;
    let early = world.say(&ana, group, "before ben").await;
    world.add(&ana, group, ben.user_id).await;
    let mut listener = world.listen(&ben);
    let request = edit("changed");
    let edited = world
        .app
        .messages()
        .edit(&ana, group, early.seq, request, None)
        .await
        .unwrap();
    // Events of changes before the listener connected may still come, as replies do not wait for events.
    let told = listener
        .until(|event| match event {
            Event::ConversationCreated(_) | Event::MessageCreated(_) => None,
            other => Some(other.clone()),
        })
        .await;
    assert_eq!(
        told,
        Event::ConversationRev {
            conversation_id: group,
            rev: edited.rev
        }
    );
}

#[tokio::test]
async fn added_members_get_the_conversation_and_removed_members_get_its_removal() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[]).await;
    let mut listener = world.listen(&ben);
    world.add(&ana, group, ben.user_id).await;
    let Event::ConversationCreated(shown) = listener.next().await else {
        panic!("not shown")
    };
    assert_eq!((shown.id, shown.member_count, shown.head.seq), (group, 2, Seq(2)));
    assert!(matches!(listener.next().await, Event::MessageCreated(message) if message.seq == Seq(2)));
    world.remove(&ana, group, ben.user_id).await.unwrap();
    assert!(matches!(listener.next().await, Event::MessageCreated(message) if message.seq == Seq(3)));
    assert_eq!(listener.next().await, Event::ConversationRemoved { id: group });
}

#[tokio::test]
async fn a_receipt_goes_to_the_peer_and_to_the_readers_other_devices() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "hello").await;
    let (mut sender, mut phone, mut desk) = (world.listen(&ana), world.listen(&ben), world.listen(&ben));
    let origin = Some(phone.connection_id());
    world
        .app
        .messages()
        .advance(&ben, chat, Watermarks::read(Seq(1)), origin)
        .await
        .unwrap();
    for listener in [&mut sender, &mut desk] {
        let Event::ReceiptUpdated { conversation_id, items } = listener.next().await else {
            panic!("no receipt")
        };
        assert_eq!((conversation_id, items.len()), (chat, 1));
        assert_eq!((items[0].user_id, items[0].watermarks.read_seq), (ben.user_id, Seq(1)));
    }
    world.say(&ana, chat, "still there?").await;
    assert!(
        matches!(phone.next().await, Event::MessageCreated(_)),
        "the reader's own connection has the reply"
    );
}

#[tokio::test]
async fn in_a_group_receipts_go_to_the_senders_of_what_was_read() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let group = world.group(&ana, &[&ben, &cem]).await;
    let (mut sender, mut bystander) = (world.listen(&ana), world.listen(&cem));
    let seq = world.say(&ana, group, "who reads this?").await.seq;
    world
        .app
        .messages()
        .advance(&ben, group, Watermarks::read(seq), None)
        .await
        .unwrap();
    sender
        .until(|event| matches!(event, Event::ReceiptUpdated { .. }).then_some(()))
        .await;
    world.say(&ana, group, "thank you").await;
    bystander
        .until(|event| match event {
            Event::ReceiptUpdated { .. } => panic!("a receipt for a member who sent nothing: {event:?}"),
            Event::MessageCreated(message) => (message.body == "thank you").then_some(()),
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn a_connection_that_reads_too_slowly_is_closed() {
    use letsapp_core::LetsApp;
    use letsapp_core::domain::id::ConnectionId;
    use letsapp_core::engine::events::{Closed, Hub};
    let app = LetsApp::builder().hub(Hub::with_capacity(2_000)).build().await.unwrap();
    let ana = app.sign_up("ana", "a long password").await.unwrap();
    let ben = app.sign_up("ben", "a long password").await.unwrap();
    let request = letsapp_core::protocol::requests::CreateConversation::Direct { user_id: ben.user_id };
    let chat = app.conversations().create(&ana, request, None).await.unwrap().0.id;
    let slow = app.hub().connect(ben, ConnectionId::from_bytes([1; 16]));
    for _ in 0..20 {
        app.messages()
            .send(&ana, chat, SendMessage::text("more than fits").unwrap(), None)
            .await
            .unwrap();
    }
    assert_eq!(slow.drain(&mut Vec::new()).await, Err(Closed::TooSlow));
}

#[tokio::test]
async fn preference_events_go_only_to_the_users_other_connections() {
    use letsapp_core::domain::member::PreferencesPatch;
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "the first one").await;
    world.until_told(&ana, chat).await;
    let (mut phone, mut desk, mut peer) = (world.listen(&ana), world.listen(&ana), world.listen(&ben));
    let patch = PreferencesPatch {
        pinned: Some(true),
        ..PreferencesPatch::default()
    };
    let origin = Some(phone.connection_id());
    let conversations = world.app.conversations();
    let mine = conversations.update_mine(&ana, chat, patch, origin).await.unwrap();
    assert!(mine.me.pinned);
    assert_eq!(desk.next().await, Event::ConversationUpdated(Box::new(mine)));
    world.say(&ana, chat, "hello").await;
    for listener in [&mut phone, &mut peer] {
        assert!(
            matches!(listener.next().await, Event::MessageCreated(_)),
            "nothing before that"
        );
    }
}

#[tokio::test]
async fn a_removed_member_gets_the_removal_as_the_last_event() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    let (mut gone, mut stays) = (world.listen(&ben), world.listen(&ana));
    let messages = world.app.messages();
    let say = |words| messages.send(&ana, group, SendMessage::text(words).unwrap(), None);
    // All submitted before the first is carried out, so that they are likely to share a batch.
    let before = say("before");
    let (removed, before, after) = tokio::join!(world.remove(&ana, group, ben.user_id), before, async {
        say("after").await
    });
    removed.unwrap();
    before.unwrap();
    let after = after.unwrap().0;
    let mut heard = Vec::new();
    loop {
        match gone.next().await {
            // Events of the group's creation may still come, as replies do not wait for events.
            Event::ConversationCreated(_) => (),
            Event::MessageCreated(message) if message.seq == Seq(1) => (),
            Event::MessageCreated(message) => heard.push(message.seq),
            Event::ConversationRemoved { id } => {
                assert_eq!(id, group);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, [Seq(2), Seq(3)], "up to the message that tells of it");
    let last = stays
        .until(|event| match event {
            Event::MessageCreated(message) if message.id == after.id => Some(message.seq),
            _ => None,
        })
        .await;
    assert_eq!(last, Seq(4));
    world.add(&ana, group, ben.user_id).await;
    assert!(
        matches!(gone.next().await, Event::ConversationCreated(_)),
        "nothing of what was said in between"
    );
}

#[tokio::test]
async fn a_new_role_is_in_the_conversation_of_its_member() {
    use letsapp_core::domain::role::Role;
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    let (mut owner, mut heir) = (world.listen(&ana), world.listen(&ben));
    let conversations = world.app.conversations();
    conversations
        .change_role(&ana, group, ben.user_id, Role::Owner, None)
        .await
        .unwrap();
    for (listener, expected) in [(&mut owner, Role::Admin), (&mut heir, Role::Owner)] {
        let role = listener
            .until(|event| match event {
                Event::ConversationUpdated(shown) => Some(shown.me.role),
                _ => None,
            })
            .await;
        assert_eq!(role, expected);
    }
}

#[tokio::test]
async fn a_group_described_anew_is_shown_once_after_the_messages_that_tell_of_it() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    let mut bens = world.listen(&ben);
    let described = UpdateConversation {
        title: Some(Title::parse("Renamed").unwrap()),
        about: Some(About::parse("Described").unwrap()),
        ..UpdateConversation::default()
    };
    let conversations = world.app.conversations();
    conversations.update(&ana, group, described, None).await.unwrap();
    world.say(&ana, group, "look").await;
    for seq in [2, 3] {
        let message = bens.next().await;
        assert!(
            matches!(&message, Event::MessageCreated(message) if message.seq == Seq(seq)),
            "{message:?}"
        );
    }
    let shown = bens.next().await;
    assert!(
        matches!(&shown, Event::ConversationUpdated(shown) if shown.title.as_deref() == Some("Renamed")),
        "{shown:?}"
    );
    let next = bens.next().await;
    assert!(
        matches!(&next, Event::MessageCreated(message) if message.seq == Seq(4)),
        "{next:?}"
    );
}

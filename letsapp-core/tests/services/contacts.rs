use letsapp_core::domain::contact::Alias;
use letsapp_core::domain::emoji::Emoji;
use letsapp_core::domain::id::{ConversationId, Seq, UserId};
use letsapp_core::domain::member::Watermarks;
use letsapp_core::domain::principal::Principal;
use letsapp_core::ports::Range;
use letsapp_core::protocol::Event;
use letsapp_core::protocol::requests::SendMessage;
use letsapp_core::services::contacts::ContactError;
use letsapp_core::services::{ConversationError, Forbidden, Made};

use crate::world::{World, edit, limit, message_id};

/// Returns the reason of a [`ConversationError::Forbidden`]. Panics for any other outcome.
#[track_caller]
fn forbidden<T: std::fmt::Debug>(outcome: Result<T, ConversationError>) -> Forbidden {
    match outcome {
        Err(ConversationError::Forbidden(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn words(text: &str) -> SendMessage {
    SendMessage::text(text).unwrap()
}

fn thumb() -> Option<Emoji> {
    Some(Emoji::parse("👍").unwrap())
}

impl World {
    async fn block(&self, who: &Principal, whom: &Principal) {
        self.app.contacts().block(who, whom.user_id).await.unwrap();
    }

    async fn unblock(&self, who: &Principal, whom: &Principal) {
        self.app.contacts().unblock(who, whom.user_id).await.unwrap();
    }

    async fn react(&self, who: &Principal, id: ConversationId, emoji: Option<Emoji>) -> Result<(), ConversationError> {
        let reacted = self.app.messages().react(who, id, Seq(1), emoji, None).await;
        reacted.map(drop)
    }
}

#[tokio::test]
async fn contacts_are_private_and_listed_to_the_last_page() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut friends = Vec::new();
    for n in 0..5 {
        let friend = world.person(&format!("friend{n}")).await;
        let alias = (n % 2 == 0).then(|| Alias::parse(format!("Friend {n}")).unwrap());
        let contact = world
            .app
            .contacts()
            .put(&ana, friend.user_id, alias.clone())
            .await
            .unwrap();
        assert_eq!(contact.alias, alias.map(Alias::into_string));
        friends.push(friend.user_id);
    }
    friends.sort_unstable();
    let (mut listed, mut after): (Vec<UserId>, _) = (Vec::new(), None);
    loop {
        let page = world.app.contacts().list(&ana, after, limit(2)).await.unwrap();
        listed.extend(page.items.iter().map(|contact| contact.user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, friends);
    for friend in &friends {
        world.app.contacts().remove(&ana, *friend).await.unwrap();
        world.app.contacts().remove(&ana, *friend).await.unwrap();
    }
    assert!(
        world
            .app
            .contacts()
            .list(&ana, None, limit(5))
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn adding_or_blocking_oneself_or_an_unknown_user_fails() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let (contacts, nobody) = (world.app.contacts(), UserId::from_bytes([9; 16]));
    assert!(matches!(
        contacts.put(&ana, ana.user_id, None).await,
        Err(ContactError::Oneself)
    ));
    assert!(matches!(
        contacts.block(&ana, ana.user_id).await,
        Err(ContactError::Oneself)
    ));
    assert!(matches!(
        contacts.put(&ana, nobody, None).await,
        Err(ContactError::NotFound)
    ));
    assert!(matches!(
        contacts.block(&ana, nobody).await,
        Err(ContactError::NotFound)
    ));
    contacts.remove(&ana, nobody).await.unwrap();
    contacts.unblock(&ana, nobody).await.unwrap();
}

#[tokio::test]
async fn a_block_stops_new_messages_between_two_users_and_nothing_else() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ben, chat, "first").await;
    world.say(&ana, chat, "second").await;
    world.react(&ben, chat, thumb()).await.unwrap();
    world.block(&ana, &ben).await;
    let messages = world.app.messages();
    for (who, own, why) in [
        (&ben, Seq(1), Forbidden::Unreachable),
        (&ana, Seq(2), Forbidden::Blocking),
    ] {
        assert_eq!(forbidden(world.send(who, chat, words("psst")).await), why);
        assert_eq!(forbidden(messages.edit(who, chat, own, edit("psst"), None).await), why);
        assert_eq!(forbidden(world.react(who, chat, thumb()).await), why);
    }
    let before = world.view(&ben, chat).await;
    assert_eq!(
        (before.head.seq, before.peer.unwrap().username.as_deref()),
        (Seq(2), Some("ana"))
    );
    assert_eq!(world.direct(&ben, &ana).await, chat, "opening it answers as always");
    assert_eq!(world.bodies(&ben, chat).await, ["first", "second"]);
    messages
        .advance(&ben, chat, Watermarks::read(Seq(2)), None)
        .await
        .unwrap();

    world.react(&ben, chat, None).await.unwrap();
    messages.delete(&ben, chat, Seq(1), None).await.unwrap();
    assert_eq!(
        world.bodies(&ana, chat).await,
        ["", "second"],
        "what was said is taken back"
    );

    world.unblock(&ana, &ben).await;
    world.say(&ben, chat, "third").await;
    world.say(&ana, chat, "fourth").await;
}

#[tokio::test]
async fn of_two_users_who_block_each_other_each_removes_only_their_own_block() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.block(&ana, &ben).await;
    world.block(&ben, &ana).await;
    for who in [&ana, &ben] {
        assert_eq!(
            forbidden(world.send(who, chat, words("hey")).await),
            Forbidden::Blocking
        );
    }
    world.unblock(&ana, &ben).await;
    assert_eq!(
        forbidden(world.send(&ana, chat, words("hey")).await),
        Forbidden::Unreachable
    );
    world.unblock(&ben, &ana).await;
    world.say(&ana, chat, "hey").await;
}

#[tokio::test]
async fn in_groups_a_block_changes_nothing() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    let other = world.group(&ben, &[&ana]).await;
    world.block(&ana, &ben).await;
    let mut listener = world.listen(&ana);
    let said = world.say(&ben, group, "hello everybody").await;
    let heard = listener
        .until(|event| match event {
            Event::MessageCreated(message) => Some(message.id),
            _ => None,
        })
        .await;
    assert_eq!(heard, said.id);
    world
        .app
        .messages()
        .react(&ben, group, said.seq, thumb(), None)
        .await
        .unwrap();
    world.say(&ana, group, "hello Ben").await;
    world.say(&ana, other, "hello here too").await;
    assert_eq!(world.view(&ana, other).await.member_count, 2);
}

#[tokio::test]
async fn a_retry_of_what_was_sent_before_the_block_is_answered_with_that_message() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let request = SendMessage {
        id: Some(message_id()),
        ..words("did this arrive?")
    };
    let (first, _) = world.send(&ben, chat, request.clone()).await.unwrap();
    world.block(&ana, &ben).await;
    let (again, made) = world.send(&ben, chat, request.clone()).await.unwrap();
    assert_eq!((again.seq, made), (first.seq, Made::Before));
    let other = SendMessage {
        id: request.id,
        ..words("something else")
    };
    assert!(matches!(
        world.send(&ben, chat, other).await,
        Err(ConversationError::Conflict)
    ));
    let new = SendMessage {
        id: Some(message_id()),
        ..request
    };
    assert_eq!(forbidden(world.send(&ben, chat, new).await), Forbidden::Unreachable);
}

#[tokio::test]
async fn no_event_of_a_blocked_user_reaches_the_blocking_user() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let (chat, other) = (world.direct(&ana, &ben).await, world.direct(&ana, &cem).await);
    world.block(&ana, &ben).await;
    let mut listener = world.listen(&ana);
    assert!(world.send(&ben, chat, words("psst")).await.is_err());
    world.say(&cem, other, "the next that is heard").await;
    let heard = listener
        .until(|event| match event {
            Event::MessageCreated(message) => Some(message.body.clone()),
            _ => None,
        })
        .await;
    assert_eq!(heard, "the next that is heard");
    let history = world.app.messages().history(&ana, chat, Range::Newest, limit(5)).await;
    assert!(history.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_blocked_users_new_conversation_causes_no_event() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    world.block(&ana, &ben).await;
    let (mut anas, mut bens) = (world.listen(&ana), world.listen(&ben));
    let (silent, told) = (world.direct(&ben, &ana).await, world.direct(&cem, &ana).await);
    assert!(world.send(&ben, silent, words("psst")).await.is_err());
    world.say(&cem, told, "hello").await;
    let created = |event: &Event| match event {
        Event::ConversationCreated(conversation) => Some(conversation.id),
        _ => None,
    };
    assert_eq!(anas.until(created).await, told);
    assert_eq!(bens.until(created).await, silent);
    assert_eq!(
        world.view(&ana, silent).await.id,
        silent,
        "the blocking user can still read it"
    );
}

#[tokio::test]
async fn messages_sent_during_a_block_are_sent_or_refused_and_later_ones_refused() {
    let world = std::sync::Arc::new(World::new().await);
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let sends: Vec<_> = (0..150)
        .map(|n| {
            let sent = world.app.messages().send(&ben, chat, words(&format!("{n}")), None);
            tokio::spawn(sent)
        })
        .collect();
    world.block(&ana, &ben).await;
    assert_eq!(
        forbidden(world.send(&ben, chat, words("late")).await),
        Forbidden::Unreachable
    );
    let mut stored = 0;
    for sent in sends {
        match sent.await.unwrap() {
            Ok(_) => stored += 1,
            refused => assert_eq!(forbidden(refused), Forbidden::Unreachable),
        }
    }
    assert_eq!(world.bodies(&ana, chat).await.len(), stored);
}

//! Events between users who are connected to different servers.

use letsapp_core::domain::id::{Seq, UserId};
use letsapp_core::domain::member::Watermarks;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::typing::Typing;
use letsapp_core::protocol::requests::{AddMembers, UpdateConversation};
use letsapp_core::protocol::{Event, PresenceStatus};

use crate::servers::{Person, servers};

#[tokio::test]
async fn messages_between_two_servers_arrive_once_and_in_order() {
    let Some([east, west]) = servers().await else { return };
    let (mut ana, mut ben) = (Person::on(&east, "ana").await, Person::on(&west, "ben").await);
    let chat = ana.direct(&ben).await;
    for n in 0..100 {
        ana.say(chat, &format!("ana {n}")).await;
        ben.say(chat, &format!("ben {n}")).await;
    }
    for n in 0..100 {
        assert_eq!(ana.hear().await, format!("ben {n}"));
        assert_eq!(ben.hear().await, format!("ana {n}"));
    }
    // Neither anything twice, nor an own message: the end comes next.
    ana.say(chat, "the end").await;
    ben.say(chat, "the end").await;
    assert_eq!(
        (ana.hear().await, ben.hear().await),
        ("the end".into(), "the end".into())
    );
}

#[tokio::test]
async fn all_devices_of_a_user_hear_of_it_on_whichever_servers_they_are() {
    let Some([east, west, north]) = servers().await else {
        return;
    };
    let (ana, mut ben) = (Person::on(&east, "ana").await, Person::on(&west, "ben").await);
    let (mut phone, mut desk) = (
        Person::connect(&north, ana.principal).await,
        Person::connect(&east, ana.principal).await,
    );
    let chat = ana.direct(&ben).await;
    ana.say(chat, "hello").await;
    assert_eq!(
        (ben.hear().await, phone.hear().await, desk.hear().await),
        ("hello".into(), "hello".into(), "hello".into())
    );
}

#[tokio::test]
async fn a_direct_conversation_is_new_to_its_other_member_before_its_first_message() {
    let Some([east, west]) = servers().await else { return };
    let (ana, mut ben) = (Person::on(&east, "ana").await, Person::on(&west, "ben").await);
    let chat = ana.direct(&ben).await;
    ana.say(chat, "hello").await;
    let Event::ConversationCreated(shown) = ben.next().await else {
        panic!("the conversation comes first")
    };
    assert_eq!((shown.id, shown.me.unread), (chat, 1));
    assert_eq!(shown.peer.unwrap().id, ana.principal.user_id);
    assert!(matches!(ben.next().await, Event::MessageCreated(message) if message.body == "hello"));
}

#[tokio::test]
async fn changes_of_a_group_reach_the_members_on_other_servers_in_order() {
    let Some([east, west, north]) = servers().await else {
        return;
    };
    let mut ana = Person::on(&east, "ana").await;
    let (mut ben, mut cem) = (Person::on(&west, "ben").await, Person::on(&north, "cem").await);
    let group = ana.group(&[&ben]).await;
    let Event::ConversationCreated(shown) = ben.next().await else {
        panic!("the group comes first")
    };
    assert_eq!((shown.id, shown.title.as_deref()), (group, Some("A group")));
    assert!(matches!(ben.next().await, Event::MessageCreated(message) if message.seq == Seq(1)));

    ben.say(group, "before Cem").await;
    assert_eq!(ana.hear().await, "before Cem");
    let add = AddMembers {
        user_ids: vec![cem.principal.user_id],
    };
    let added = east.conversations().add_members(&ana.principal, group, add, None).await;
    added.unwrap();
    ben.say(group, "welcome").await;
    let Event::ConversationCreated(shown) = cem.next().await else {
        panic!("the group comes first")
    };
    assert_eq!(shown.id, group);
    assert!(matches!(cem.next().await, Event::MessageCreated(message) if message.seq == Seq(3)));
    assert_eq!(cem.hear().await, "welcome");

    let update = UpdateConversation {
        title: Some(Title::parse("Another").unwrap()),
        ..UpdateConversation::default()
    };
    let updated = west.conversations().update(&ana.principal, group, update, None).await;
    updated.unwrap();
    for person in [&mut ana, &mut ben, &mut cem] {
        let title = person.until(|event| match event {
            Event::ConversationUpdated(shown) => Some(shown.title.clone().unwrap()),
            _ => None,
        });
        assert_eq!(title.await, "Another");
    }

    let remove = east
        .conversations()
        .remove_member(&ana.principal, group, cem.principal.user_id, None);
    remove.await.unwrap();
    ana.say(group, "without Cem").await;
    assert!(matches!(cem.next().await, Event::MessageCreated(message) if message.seq == Seq(6)));
    assert!(matches!(cem.next().await, Event::ConversationRemoved { id } if id == group));
    assert_eq!(ben.hear().await, "without Cem");
    let chat = ana.direct(&cem).await;
    ana.say(chat, "sorry").await;
    assert!(
        matches!(cem.next().await, Event::ConversationCreated(_)),
        "nothing of the group"
    );

    east.conversations().delete(&ana.principal, group, None).await.unwrap();
    ben.until(|event| matches!(event, Event::ConversationRemoved { id } if *id == group).then_some(()))
        .await;
}

#[tokio::test]
async fn a_large_group_hears_everything_and_late_joiners_nothing_from_before() {
    let Some([east, west]) = servers().await else { return };
    let ana = Person::on(&east, "ana").await;
    let mut others = Vec::new();
    for n in 0..80 {
        // Only some of them are connected, on both servers.
        let app = if n % 2 == 0 { &east } else { &west };
        others.push(Person::on(app, &format!("user{n}")).await);
    }
    let late = others.pop().unwrap();
    let mut late = late;
    let group = ana.group(&others.iter().collect::<Vec<_>>()).await;
    let early = ana.say(group, "to all").await;
    for person in &mut others {
        assert_eq!(person.hear().await, "to all");
    }
    let add = AddMembers {
        user_ids: vec![late.principal.user_id],
    };
    let added = east.conversations().add_members(&ana.principal, group, add, None).await;
    added.unwrap();
    let emoji = letsapp_core::domain::emoji::Emoji::parse("👍").unwrap();
    let reacted = east
        .messages()
        .react(&ana.principal, group, early.seq, Some(emoji), None)
        .await;
    let rev = reacted.unwrap().rev;
    let news = late.until(|event| match event {
        Event::ConversationRev { rev, .. } => Some(Some(*rev)),
        Event::MessageUpdated(_) => Some(None),
        _ => None,
    });
    assert_eq!(news.await, Some(rev), "not the message");
    for person in &mut others {
        let updated = person.until(|event| match event {
            Event::MessageUpdated(message) => Some(message.seq),
            _ => None,
        });
        assert_eq!(updated.await, early.seq);
    }
    let typed = east.typing().set(&ana.principal, group, Typing::Started).await;
    typed.unwrap();
    for person in others.iter_mut().chain([&mut late]) {
        person
            .until(|event| matches!(event, Event::Typing { typing: true, .. }).then_some(()))
            .await;
    }
}

#[tokio::test]
async fn typing_and_receipts_cross_servers() {
    let Some([east, west]) = servers().await else { return };
    let (mut ana, mut ben) = (Person::on(&east, "ana").await, Person::on(&west, "ben").await);
    let chat = ana.direct(&ben).await;
    let sent = ana.say(chat, "hello").await;
    ben.hear().await;
    west.typing().set(&ben.principal, chat, Typing::Started).await.unwrap();
    let typist = ana.until(|event| match event {
        Event::Typing {
            user_id, typing: true, ..
        } => Some(*user_id),
        _ => None,
    });
    assert_eq!(typist.await, ben.principal.user_id);
    let read = Watermarks::read(sent.seq);
    west.messages().advance(&ben.principal, chat, read, None).await.unwrap();
    assert_eq!(receipt(&mut ana).await, (ben.principal.user_id, sent.seq));

    let group = ana.group(&[&ben]).await;
    let sent = ana.say(group, "all here?").await;
    let read = Watermarks::read(sent.seq);
    west.messages()
        .advance(&ben.principal, group, read, None)
        .await
        .unwrap();
    assert_eq!(receipt(&mut ana).await, (ben.principal.user_id, sent.seq));
}

async fn receipt(person: &mut Person) -> (UserId, Seq) {
    let myself = person.principal.user_id;
    person
        .until(|event| match event {
            Event::ReceiptUpdated { items, .. } => {
                let other = items.iter().find(|item| item.user_id != myself);
                other.map(|item| (item.user_id, item.watermarks.read_seq))
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_user_is_online_while_any_server_has_a_connection() {
    let Some([east, west, north]) = servers().await else {
        return;
    };
    let mut ana = Person::on(&east, "ana").await;
    let ben = west.sign_up("ben", "a long password").await.unwrap();
    ana.list(ben.user_id).await;
    let phone = Person::connect(&west, ben).await;
    assert_eq!(status(&mut ana).await, PresenceStatus::Online);
    let desk = Person::connect(&north, ben).await;
    drop(phone);
    let listed = east.presence().find(&ana.principal, &[ben.user_id]).await.unwrap();
    assert_eq!(listed[0].status, PresenceStatus::Online);
    // Longer than the grace period of the first connection.
    let moved = Person::connect(&east, ben).await;
    drop(desk);
    let chat = moved.direct(&ana).await;
    for n in 0..10 {
        moved.say(chat, &n.to_string()).await;
    }
    drop(moved);
    let (mut online, mut offline) = (0, 0);
    while offline == 0 {
        match status(&mut ana).await {
            PresenceStatus::Online => online += 1,
            PresenceStatus::Offline => offline += 1,
        }
    }
    assert_eq!((online, offline), (0, 1), "announced once");
}

async fn status(person: &mut Person) -> PresenceStatus {
    person
        .until(|event| match event {
            Event::Presence(presence) => Some(presence.status),
            _ => None,
        })
        .await
}

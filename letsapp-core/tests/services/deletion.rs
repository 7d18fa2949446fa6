//! Deleted groups: every method answers every user at once as if the group did not exist.

use std::collections::BTreeMap;
use std::time::Duration;

use letsapp_core::LetsApp;
use letsapp_core::domain::emoji::Emoji;
use letsapp_core::domain::id::{ConversationId, Rev, Seq};
use letsapp_core::domain::member::{PreferencesPatch, Watermarks};
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::role::Role;
use letsapp_core::domain::text::Title;
use letsapp_core::ports::Range;
use letsapp_core::protocol::requests::{AddMembers, CreateConversation, SendMessage, UpdateConversation};
use letsapp_core::protocol::{Event, SyncRequest};
use letsapp_core::services::{ConversationError, Forbidden, Made};

use crate::world::{World, edit, ids, limit, message_id};

fn is_gone(outcome: &Result<impl Sized, ConversationError>) -> bool {
    matches!(outcome, Err(ConversationError::NotFound))
}

async fn delete(app: &LetsApp, who: &Principal, id: ConversationId) -> Result<(), ConversationError> {
    app.conversations().delete(who, id, None).await
}

/// Checks that every method fails in a deleted group whose first message of a user was at seq 2.
async fn nothing_is_there(app: &LetsApp, who: &Principal, id: ConversationId, of: &str) {
    let (conversations, messages, seq) = (app.conversations(), app.messages(), Seq(2));
    let text = || SendMessage::text("hello?").unwrap();
    let thumb = || Emoji::parse("👍").unwrap();
    let edit = edit("x");
    let title = UpdateConversation {
        title: Some(Title::parse("Mine").unwrap()),
        ..UpdateConversation::default()
    };
    let pin = PreferencesPatch {
        pinned: Some(true),
        ..PreferencesPatch::default()
    };
    let add = AddMembers {
        user_ids: vec![who.user_id],
    };
    let tried = [
        ("find", is_gone(&conversations.find(who, id).await)),
        (
            "members",
            is_gone(&conversations.members(who, id, None, limit(5)).await),
        ),
        (
            "receipts",
            is_gone(&conversations.receipts(who, id, None, limit(5)).await),
        ),
        ("update", is_gone(&conversations.update(who, id, title, None).await)),
        (
            "update_mine",
            is_gone(&conversations.update_mine(who, id, pin, None).await),
        ),
        ("add", is_gone(&conversations.add_members(who, id, add, None).await)),
        (
            "leave",
            is_gone(&conversations.remove_member(who, id, who.user_id, None).await),
        ),
        (
            "role",
            is_gone(&conversations.change_role(who, id, who.user_id, Role::Owner, None).await),
        ),
        ("delete", is_gone(&delete(app, who, id).await)),
        (
            "history",
            is_gone(&messages.history(who, id, Range::Newest, limit(5)).await),
        ),
        ("changes", is_gone(&messages.changes(who, id, Rev(0), limit(5)).await)),
        ("message", is_gone(&messages.find(who, id, seq).await)),
        (
            "reactions",
            is_gone(&messages.reactions(who, id, seq, None, limit(5)).await),
        ),
        (
            "status",
            is_gone(&messages.message_receipts(who, id, seq, None, limit(5)).await),
        ),
        ("send", is_gone(&messages.send(who, id, text(), None).await)),
        ("edit", is_gone(&messages.edit(who, id, seq, edit, None).await)),
        ("delete message", is_gone(&messages.delete(who, id, seq, None).await)),
        (
            "react",
            is_gone(&messages.react(who, id, seq, Some(thumb()), None).await),
        ),
        ("unreact", is_gone(&messages.unreact(who, id, seq, thumb(), None).await)),
        (
            "advance",
            is_gone(&messages.advance(who, id, Watermarks::read(seq), None).await),
        ),
    ];
    for (what, gone) in tried {
        assert!(gone, "{of}: {what}");
    }
    let list = conversations.list(who, None, limit(50)).await.unwrap();
    assert!(list.items.iter().all(|conversation| conversation.id != id), "{of}");
    for named in [BTreeMap::from([(id, Rev(1))]), BTreeMap::new()] {
        let request = SyncRequest {
            conversations: named.clone(),
            since: None,
        };
        let sync = conversations.sync(who, request).await.unwrap();
        let removed: Vec<_> = named.into_keys().collect();
        assert_eq!((sync.removed, sync.changes), (removed, vec![]), "{of}");
        assert!(
            sync.conversations.iter().all(|conversation| conversation.id != id),
            "{of}"
        );
        assert!(!sync.positions.contains_key(&id), "{of}");
    }
}

#[tokio::test]
async fn a_deleted_group_is_gone_for_members_and_former_members() {
    let (world, there) = World::with_another_server().await;
    let [ana, ben, cem, eve] = world.people(["ana", "ben", "cem", "eve"]).await;
    let group = world.group(&ana, &[&ben, &cem]).await;
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "hello").await;
    world.say(&ben, group, "hello").await;
    world.remove(&ana, group, cem.user_id).await.unwrap();
    // Fills the other server's cached roster before the group is deleted.
    let request = SendMessage::text("from there").unwrap();
    there.messages().send(&ben, group, request, None).await.unwrap();
    world.until_told(&ana, group).await;
    let mut members = [world.listen(&ana), world.listen(&ben)];
    let mut former = world.listen(&cem);
    delete(&world.app, &ana, group).await.unwrap();
    for listener in &mut members {
        assert_eq!(listener.next().await, Event::ConversationRemoved { id: group });
    }
    for (who, name) in [
        (&ana, "its owner"),
        (&ben, "a member"),
        (&cem, "a former member"),
        (&eve, "a stranger"),
    ] {
        nothing_is_there(&world.app, who, group, name).await;
    }
    world.clock.advance(Duration::from_secs(5));
    for (who, name) in [(&ben, "a member"), (&cem, "a former member")] {
        nothing_is_there(&there, who, group, name).await;
    }
    let hello = world.say(&ana, chat, "that was that").await;
    assert_eq!(
        members[1].next().await,
        Event::MessageCreated(letsapp_core::protocol::Message {
            my_reaction: None,
            ..hello
        })
    );
    let other = world.direct(&cem, &ana).await;
    match former.next().await {
        Event::ConversationCreated(made) => {
            assert_eq!(made.id, other, "of the group's end, former members hear nothing");
        }
        event => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn only_the_owner_deletes_a_group_and_nobody_a_direct_conversation() {
    let world = World::new().await;
    let [ana, ben, cem, eve] = world.people(["ana", "ben", "cem", "eve"]).await;
    let group = world.group(&ana, &[&ben, &cem]).await;
    let conversations = world.app.conversations();
    let promote = conversations.change_role(&ana, group, ben.user_id, Role::Admin, None);
    promote.await.unwrap();
    for who in [&ben, &cem] {
        let refused = delete(&world.app, who, group).await;
        assert!(matches!(refused, Err(ConversationError::Forbidden(Forbidden::Role))));
    }
    world.remove(&ana, group, cem.user_id).await.unwrap();
    let refused = delete(&world.app, &cem, group).await;
    assert!(matches!(
        refused,
        Err(ConversationError::Forbidden(Forbidden::NotAMember))
    ));
    assert!(is_gone(&delete(&world.app, &eve, group).await));
    let chat = world.direct(&ana, &ben).await;
    let refused = delete(&world.app, &ana, chat).await;
    assert!(matches!(refused, Err(ConversationError::Forbidden(Forbidden::Direct))));
    assert_eq!(world.view(&ana, group).await.member_count, 2);
    assert_eq!(world.view(&ana, chat).await.member_count, 2);
}

#[tokio::test]
async fn retries_of_earlier_requests_fail_after_a_group_was_deleted() {
    let (world, there) = World::with_another_server().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let id = ConversationId::from_uuid(ids().random());
    let create = |title: &str| CreateConversation::Group {
        id: Some(id),
        title: Title::parse(title).unwrap(),
        about: None,
        member_ids: vec![ben.user_id],
    };
    let conversations = world.app.conversations();
    let (made, _) = conversations.create(&ana, create("Trip"), None).await.unwrap();
    let request = SendMessage::text("once").unwrap().with_id(message_id());
    let first = world.send(&ben, made.id, request.clone()).await.unwrap();
    assert_eq!(first.1, Made::Now);
    let known = there
        .messages()
        .send(&ben, made.id, request.clone(), None)
        .await
        .unwrap();
    assert_eq!(known.1, Made::Before);
    delete(&world.app, &ana, made.id).await.unwrap();

    assert!(is_gone(&conversations.create(&ana, create("Trip"), None).await));
    for (who, title) in [(&ana, "Another"), (&ben, "Trip")] {
        let taken = conversations.create(who, create(title), None).await;
        assert!(matches!(taken, Err(ConversationError::Conflict)), "{taken:?}");
    }
    for app in [&world.app, &there] {
        let again = app.messages().send(&ben, made.id, request.clone(), None).await;
        assert!(is_gone(&again), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_during_the_deletion_of_its_group_precedes_it_or_is_refused() {
    let (world, there) = World::with_another_server().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    for _ in 0..5 {
        let group = world.group(&ana, &[&ben]).await;
        let say = async |app: &LetsApp| {
            let request = SendMessage::text("wait!").unwrap();
            app.messages().send(&ben, group, request, None).await
        };
        let (deleted, again, first, second) = tokio::join!(
            delete(&world.app, &ana, group),
            delete(&there, &ana, group),
            say(&there),
            say(&world.app),
        );
        assert!(deleted.is_ok() != again.is_ok(), "{deleted:?} {again:?}");
        assert!(is_gone(&deleted) || is_gone(&again));
        for outcome in [first, second] {
            assert!(outcome.is_ok() || is_gone(&outcome), "{outcome:?}");
        }
        assert!(is_gone(
            &world.app.messages().history(&ben, group, Range::Newest, limit(9)).await
        ));
    }
}

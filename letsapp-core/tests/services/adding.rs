//! Rules and limits of adding people to groups.

use std::time::Duration;

use letsapp_core::domain::id::{ConversationId, UserId};
use letsapp_core::domain::limit::{Class, Quota, Table};
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::user::{Adders, ProfilePatch};
use letsapp_core::protocol::requests::{AddMembers, CreateConversation};
use letsapp_core::protocol::{Conversation, Member};
use letsapp_core::services::{ConversationError, Forbidden, Made};

use crate::world::{World, ids};

const HOUR: Duration = Duration::from_secs(3_600);

/// Limits of three strangers and of twelve people an hour.
fn limits() -> Table {
    let mut table = Table::UNLIMITED;
    table.set(Class::Strangers, Quota::new(3, HOUR));
    table.set(Class::Additions, Quota::new(12, HOUR));
    table
}

fn group_of(members: &[&Principal]) -> CreateConversation {
    CreateConversation::Group {
        id: None,
        title: Title::parse("A group").unwrap(),
        about: None,
        member_ids: members.iter().map(|member| member.user_id).collect(),
    }
}

impl World {
    async fn create(&self, who: &Principal, members: &[&Principal]) -> Result<Conversation, ConversationError> {
        let made = self.app.conversations().create(who, group_of(members), None).await;
        made.map(|(group, _)| group)
    }

    async fn try_add(
        &self,
        who: &Principal,
        id: ConversationId,
        user_ids: Vec<UserId>,
    ) -> Result<Vec<Member>, ConversationError> {
        let request = AddMembers { user_ids };
        self.app.conversations().add_members(who, id, request, None).await
    }

    async fn strangers(&self, count: usize) -> Vec<Principal> {
        let mut strangers = Vec::new();
        for n in 0..count {
            strangers.push(self.person(&format!("stranger{n}")).await);
        }
        strangers
    }

    async fn let_contacts_add(&self, who: &Principal) {
        let patch = ProfilePatch {
            groups: Some(Adders::Contacts),
            ..ProfilePatch::default()
        };
        let profile = self.app.users().update_me(who, patch).await.unwrap();
        assert_eq!(profile.settings.groups, "contacts");
    }
}

/// Returns the fields that a refusal names.
#[track_caller]
fn not_addable<T: std::fmt::Debug>(outcome: Result<T, ConversationError>) -> Vec<String> {
    match outcome {
        Err(ConversationError::NotAddable(errors)) => {
            assert!(errors.iter().all(|error| error.code == "not_allowed"), "{errors:?}");
            errors.into_iter().map(|error| error.field).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn strangers_can_be_added_a_few_at_a_time_and_acquaintances_always() {
    let world = World::with_limits(limits()).await;
    let [ana, ben, cem, dan, eve] = world.people(["ana", "ben", "cem", "dan", "eve"]).await;
    let strangers = world.strangers(5).await;
    let group = world.create(&ana, &[&strangers[0], &strangers[1]]).await.unwrap();
    world.try_add(&ana, group.id, vec![strangers[2].user_id]).await.unwrap();
    let wait = match world.try_add(&ana, group.id, vec![strangers[3].user_id]).await {
        Err(ConversationError::RateLimited(limit)) => limit.decision.retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(wait, HOUR / 3, "one becomes free every twenty minutes");

    // A contact in either direction, and somebody in a conversation with her.
    world.app.contacts().put(&ana, ben.user_id, None).await.unwrap();
    world.app.contacts().put(&cem, ana.user_id, None).await.unwrap();
    let chat = world.direct(&dan, &ana).await;
    assert!(matches!(
        world.try_add(&ana, group.id, vec![dan.user_id]).await,
        Err(ConversationError::RateLimited(_))
    ));
    world.say(&dan, chat, "hello").await;
    for known in [&ben, &cem, &dan] {
        world.try_add(&ana, group.id, vec![known.user_id]).await.unwrap();
    }
    assert!(matches!(
        world.create(&ana, &[&eve]).await,
        Err(ConversationError::RateLimited(_))
    ));
    let others = world.create(&ben, &[&eve]).await;
    others.expect("each user has a limit of their own");
    world.clock.advance(wait);
    world.create(&ana, &[&strangers[3]]).await.unwrap();
}

#[tokio::test]
async fn a_server_brings_limits_unless_the_application_has_its_own() {
    let (unlimited, limited) = (World::new().await, World::with_limits(limits()).await);
    assert_eq!(*unlimited.app.limiter_or(limits()).table(), limits());
    assert_eq!(*limited.app.limiter_or(Table::default()).table(), limits());
    for world in [unlimited, limited] {
        let ana = world.person("ana").await;
        let strangers = world.strangers(4).await;
        world
            .create(&ana, &strangers[..3].iter().collect::<Vec<_>>())
            .await
            .unwrap();
        assert!(matches!(
            world.create(&ana, &[&strangers[3]]).await,
            Err(ConversationError::RateLimited(_))
        ));
    }
}

#[tokio::test]
async fn more_strangers_than_the_limit_are_refused_at_any_time() {
    let world = World::with_limits(limits()).await;
    let ana = world.person("ana").await;
    let strangers = world.strangers(4).await;
    let all: Vec<_> = strangers.iter().collect();
    match world.create(&ana, &all).await {
        Err(ConversationError::Invalid(errors)) => {
            assert_eq!(
                (errors[0].field.as_str(), errors[0].code.as_str()),
                ("member_ids", "too_many_strangers")
            );
        }
        other => panic!("{other:?}"),
    }
    world.create(&ana, &all[..3]).await.expect("nothing was counted");
}

#[tokio::test]
async fn the_number_of_people_added_is_limited_whoever_they_are() {
    let world = World::with_limits(limits()).await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    world.app.contacts().put(&ana, ben.user_id, None).await.unwrap();
    for _ in 0..12 {
        world.create(&ana, &[&ben]).await.unwrap();
    }
    assert!(matches!(
        world.create(&ana, &[&ben]).await,
        Err(ConversationError::RateLimited(_))
    ));
    world.create(&ana, &[]).await.expect("that adds nobody");
}

#[tokio::test]
async fn who_lets_only_contacts_add_them_is_added_by_nobody_else() {
    let world = World::new().await;
    let [ana, ben, cem, dan] = world.people(["ana", "ben", "cem", "dan"]).await;
    world.let_contacts_add(&ben).await;
    world.app.contacts().put(&ana, ben.user_id, None).await.unwrap();
    assert_eq!(not_addable(world.create(&ana, &[&cem, &ben]).await), ["member_ids.1"]);
    let group = world.create(&ana, &[&cem]).await.unwrap().id;
    let both = vec![dan.user_id, ben.user_id];
    assert_eq!(
        not_addable(world.try_add(&ana, group, both.clone()).await),
        ["user_ids.1"]
    );
    assert_eq!(world.view(&ana, group).await.member_count, 2, "nobody was added");

    world.app.contacts().put(&ben, ana.user_id, None).await.unwrap();
    world.try_add(&ana, group, both).await.expect("his contact may");
    let mere_member = world.try_add(&cem, group, vec![ben.user_id]).await;
    assert!(
        matches!(mere_member, Err(ConversationError::Forbidden(Forbidden::Role))),
        "{mere_member:?}"
    );
}

#[tokio::test]
async fn nobody_is_added_by_whom_they_block() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let group = world.group(&ana, &[&cem]).await;
    world.app.contacts().put(&ben, ana.user_id, None).await.unwrap();
    world.app.contacts().block(&ben, ana.user_id).await.unwrap();
    world.app.contacts().block(&cem, ana.user_id).await.unwrap();
    assert_eq!(not_addable(world.create(&ana, &[&ben]).await), ["member_ids.0"]);
    assert_eq!(
        not_addable(world.try_add(&ana, group, vec![cem.user_id, ben.user_id]).await),
        ["user_ids.1"],
        "who is in already is not added"
    );
    world.app.contacts().unblock(&ben, ana.user_id).await.unwrap();
    let added = world
        .try_add(&ana, group, vec![cem.user_id, ben.user_id])
        .await
        .unwrap();
    assert_eq!(added.len(), 1);
    world.app.contacts().block(&ana, ben.user_id).await.unwrap();
    world
        .create(&ana, &[&ben])
        .await
        .expect("her own block does not protect him");
}

#[tokio::test]
async fn a_retried_creation_returns_the_group_although_a_member_allows_it_no_longer() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let request = CreateConversation::Group {
        id: Some(ConversationId::from_uuid(ids().random())),
        title: Title::parse("Trip").unwrap(),
        about: None,
        member_ids: vec![ben.user_id],
    };
    let conversations = world.app.conversations();
    let (made, _) = conversations.create(&ana, request.clone(), None).await.unwrap();
    world.let_contacts_add(&ben).await;
    let (found, before) = conversations.create(&ana, request, None).await.unwrap();
    assert_eq!((found.id, before), (made.id, Made::Before));
}

#[tokio::test]
async fn a_retried_creation_counts_once_against_the_limits() {
    let world = World::with_limits(limits()).await;
    let ana = world.person("ana").await;
    let strangers = world.strangers(4).await;
    let request = CreateConversation::Group {
        id: Some(ConversationId::from_uuid(ids().random())),
        title: Title::parse("Trip").unwrap(),
        about: None,
        member_ids: strangers[..2].iter().map(|stranger| stranger.user_id).collect(),
    };
    let conversations = world.app.conversations();
    let (made, _) = conversations.create(&ana, request.clone(), None).await.unwrap();
    for _ in 0..10 {
        let (found, before) = conversations.create(&ana, request.clone(), None).await.unwrap();
        assert_eq!((found.id, before), (made.id, Made::Before));
    }
    world.create(&ana, &[&strangers[2]]).await.expect("one more is free");
    assert!(matches!(
        world.create(&ana, &[&strangers[3]]).await,
        Err(ConversationError::RateLimited(_))
    ));
}

//! Groups that were left: what their former members see of them.

use letsapp_core::domain::id::ConversationId;
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::user::About;
use letsapp_core::protocol::requests::UpdateConversation;
use letsapp_core::protocol::{Event, SyncRequest};
use letsapp_core::services::{ConversationError, Forbidden};

use crate::world::World;

impl World {
    async fn describe(&self, who: &Principal, id: ConversationId, title: &str) {
        let request = UpdateConversation {
            title: Some(Title::parse(title).unwrap()),
            about: Some(About::parse(format!("About {title}")).unwrap()),
            ..UpdateConversation::default()
        };
        self.app.conversations().update(who, id, request, None).await.unwrap();
    }

    /// Lets the group change in every way after somebody left.
    async fn go_on(&self, owner: &Principal, id: ConversationId) {
        self.describe(owner, id, "Secret plans").await;
        let eve = self.person("eve").await;
        self.add(owner, id, eve.user_id).await;
        self.say(owner, id, "now that he is gone").await;
    }
}

#[tokio::test]
async fn a_former_member_sees_the_group_as_it_was() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let group = world.group(&ana, &[&ben, &cem]).await;
    world.describe(&ana, group, "Trip").await;
    let before = world.view(&ben, group).await;
    assert_eq!(before.me.left_at, None);
    world.clock.advance(std::time::Duration::from_secs(60));
    world.remove(&ana, group, ben.user_id).await.unwrap();
    let removed_at = world.app.clock().now();
    let left = world.view(&ben, group).await;
    world.clock.advance(std::time::Duration::from_secs(60));
    world.go_on(&ana, group).await;

    let view = world.view(&ben, group).await;
    assert_eq!(view, left, "nothing that happens later shows");
    assert_eq!(view.title.as_deref(), Some("Trip"));
    assert_eq!(view.about, "About Trip");
    assert_eq!((view.member_count, view.me.left_at), (2, Some(removed_at)));
    let end = (before.head.seq.next(), before.head.rev.next());
    assert_eq!((view.head.seq, view.head.rev), end);
    assert_eq!(view.head.last_message.as_ref().map(|message| message.seq), Some(end.0));
    assert_eq!(world.listed(&ben).await, [view], "it stays in the list");
    assert_eq!(world.view(&ana, group).await.title.as_deref(), Some("Secret plans"));
}

#[tokio::test]
async fn a_sync_tells_a_former_member_nothing_of_what_came_later() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    let positions = world.sync(&ben, SyncRequest::default()).await.positions;
    world.say(&ana, group, "one more").await;
    world.remove(&ana, group, ben.user_id).await.unwrap();
    let end = world.view(&ben, group).await.head.rev;
    world.go_on(&ana, group).await;
    let request = SyncRequest {
        conversations: positions,
        since: None,
    };
    let answer = world.sync(&ben, request).await;
    assert_eq!((answer.changes.len(), &answer.removed[..]), (2, &[group][..]));
    assert_eq!(answer.positions[&group], end, "not even how much there was");
    let again = SyncRequest {
        conversations: answer.positions.clone(),
        since: None,
    };
    let again = world.sync(&ben, again).await;
    assert_eq!((again.positions, again.changes), (answer.positions, Vec::new()));
}

#[tokio::test]
async fn a_group_that_was_left_is_removed_from_the_list_until_the_user_comes_back() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let group = world.group(&ana, &[&ben]).await;
    let conversations = world.app.conversations();
    let early = conversations.unlist(&ben, group, None).await;
    assert!(
        matches!(early, Err(ConversationError::Forbidden(Forbidden::StillAMember))),
        "{early:?}"
    );
    assert!(matches!(
        conversations.unlist(&eve, group, None).await,
        Err(ConversationError::NotFound)
    ));
    world.remove(&ben, group, ben.user_id).await.unwrap();
    let (mut phone, mut laptop) = (world.listen(&ben), world.listen(&ben));
    for _ in 0..2 {
        conversations
            .unlist(&ben, group, Some(phone.connection_id()))
            .await
            .unwrap();
    }
    assert!(world.listed(&ben).await.is_empty());
    let left = world.view(&ben, group).await;
    assert!(left.me.left_at.is_some(), "it can still be read");
    world.add(&ana, group, ben.user_id).await;
    for listener in [&mut phone, &mut laptop] {
        listener
            .until(|event| matches!(event, Event::ConversationCreated(_)).then_some(()))
            .await;
    }
    assert_eq!(world.listed(&ben).await.len(), 1);
    assert_eq!(world.view(&ben, group).await.me.left_at, None);
}

#[tokio::test]
async fn removing_a_group_from_the_list_reaches_the_other_sockets_once() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    world.remove(&ben, group, ben.user_id).await.unwrap();
    let (mut phone, mut laptop) = (world.listen(&ben), world.listen(&ben));
    for _ in 0..2 {
        let origin = Some(phone.connection_id());
        world.app.conversations().unlist(&ben, group, origin).await.unwrap();
    }
    world.direct(&ben, &ana).await;
    assert_eq!(laptop.next().await, Event::ConversationRemoved { id: group });
    for listener in [&mut phone, &mut laptop] {
        let next = listener.next().await;
        assert!(matches!(next, Event::ConversationCreated(_)), "{next:?}");
    }
}

#[tokio::test]
async fn preferences_of_a_group_that_was_left_can_be_changed() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    world.remove(&ben, group, ben.user_id).await.unwrap();
    world.go_on(&ana, group).await;
    let view = world.archive(&ben, group).await;
    assert!(view.me.archived && view.me.left_at.is_some());
    assert_eq!(view.title.as_deref(), Some("A group"));
}

//! Changes with several system messages, in one step: an owner who leaves and the new owner, or a title with a
//! description.

use std::sync::Arc;

use super::Trial;
use super::fixtures::{group, system, text, user_id};
use super::steps::{append, duplicate, position};
use crate::domain::conversation::Conversation;
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::member::MemberChange;
use crate::domain::message::{Content, SystemEvent};
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::user::About;
use crate::ports::{Change, Outcome};

pub async fn an_owner_leaves_and_another_follows_in_one_step(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    trial.store(append(text(id, 2, ben), Seq(1))).await;
    let behind = |fence| append(text(id, 5, ben), Seq(fence));
    let outcomes = trial.commit(vec![leave(id, [3, 4], 1), behind(1), behind(3)]).await;
    assert_eq!(outcomes, [position(4, 4, 1), Outcome::Outdated, Outcome::Outdated]);
    let told = trial.audit(id).await.split_off(2);
    let contents: Vec<_> = told.into_iter().map(|message| message.content).collect();
    assert_eq!(contents, [owned_by(ben), left(ana)].map(Content::System));
    let roster = trial.roster(id).await;
    let roles: Vec<_> = roster
        .members
        .iter()
        .map(|member| (member.user_id, member.role))
        .collect();
    assert_eq!((roles, roster.fence), (vec![(ben, Role::Owner)], Seq(4)));
    let gone = trial.member(id, ana).await;
    assert_eq!(gone.role, Role::Member, "a former member is no owner");
    assert_eq!(gone.windows[0].to, Some(Seq(4)), "the window includes both messages");
    assert_eq!(trial.head(id).await.seq, Seq(4));
    assert_eq!(trial.commit_one(behind(4)).await, position(5, 5, 2));
}

pub async fn a_repeated_succession_is_not_carried_out_again(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    assert_eq!(trial.commit_one(leave(id, [3, 4], 0)).await, Outcome::Outdated);
    assert_eq!(trial.audit(id).await.len(), 1, "nor is half of it carried out");
    let other = trial.another().await;
    let race = tokio::join!(
        trial.commit_one(leave(id, [3, 4], 1)),
        other.commit_one(leave(id, [3, 4], 1)),
    );
    let first = match race {
        (Outcome::Committed(position), second) | (second, Outcome::Committed(position)) => {
            assert_eq!(duplicate(second).seq, position.seq);
            position
        }
        both => panic!("{both:?}"),
    };
    assert_eq!((first.seq, first.rev), (Seq(3), Rev(3)));
    let back = [
        MemberChange::Role(ben, Role::Member),
        MemberChange::Joined(ana, Role::Owner),
    ];
    trial.tell(id, 5, &back, 3).await;
    let before = trial.roster(id).await;
    for (numbers, known) in [([3, 4], 3), ([3, 6], 2), ([6, 4], 3)] {
        for fence in [3, 4] {
            let outcome = trial.commit_one(leave(id, numbers, fence)).await;
            assert_eq!(duplicate(outcome).seq, Seq(known), "{numbers:?} under {fence}");
        }
    }
    assert_eq!(trial.roster(id).await, before);
    assert_eq!(trial.audit(id).await.len(), 4);
}

pub async fn several_system_messages_and_their_change_are_one_step(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    trial.store(append(text(id, 2, ben), Seq(1))).await;
    let described = describe(id, [3, 4, 5], 1);
    let behind = |fence| append(text(id, 6, ben), Seq(fence));
    let outcomes = trial.commit(vec![described, behind(4), behind(5)]).await;
    assert_eq!(outcomes, [position(5, 5, 1), Outcome::Outdated, position(6, 6, 2)]);
    let messages = trial.audit(id).await;
    let contents: Vec<_> = messages[2..5].iter().map(|message| message.content.clone()).collect();
    assert_eq!(contents, EVENTS.map(|event| Content::System(event())));
    let roster = trial.roster(id).await;
    assert_eq!(roster.conversation, described_group(id));
    assert_eq!((roster.members.len(), roster.fence), (2, Seq(5)));
    let head = trial.head(id).await;
    assert_eq!(
        (head.seq, head.rev, head.ordinal, head.fence),
        (Seq(6), Rev(6), 2, Seq(5))
    );
}

pub async fn a_change_with_a_known_preceding_message_is_not_carried_out(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    trial.tell(id, 2, &[], 1).await;
    trial.tell(id, 3, &[], 2).await;
    let before = trial.roster(id).await;
    // The first of the known ones counts, wherever the others are; the last message counts before all of them.
    for (numbers, known) in [
        ([3, 7, 8], 3),
        ([7, 2, 8], 2),
        ([3, 2, 8], 3),
        ([7, 3, 2], 2),
        ([7, 8, 3], 3),
    ] {
        for fence in [2, 3] {
            let outcome = trial.commit_one(describe(id, numbers, fence)).await;
            assert_eq!(duplicate(outcome).seq, Seq(known), "{numbers:?} under {fence}");
        }
    }
    assert_eq!(trial.commit_one(describe(id, [7, 8, 9], 2)).await, Outcome::Outdated);
    assert_eq!(trial.roster(id).await, before);
    assert_eq!(trial.audit(id).await.len(), 3, "no part of any of them is carried out");
    assert_eq!(trial.commit_one(describe(id, [7, 8, 9], 3)).await, position(6, 6, 0));
}

/// Events of the change made by [`describe`].
const EVENTS: [fn() -> SystemEvent; 3] = [
    || SystemEvent::TitleChanged {
        title: "Another".to_owned(),
    },
    || SystemEvent::AboutChanged {
        about: "All of it".to_owned(),
    },
    || SystemEvent::PictureChanged { avatar_media_id: None },
];

/// Makes the change by which user 1 gives group 1 another title, description and picture. The messages have these
/// numbers.
fn describe(id: ConversationId, numbers: [u64; 3], fence: u64) -> Change {
    let mut messages: Vec<_> = numbers
        .iter()
        .zip(EVENTS)
        .map(|(n, event)| Arc::new(system(id, *n, user_id(1), event())))
        .collect();
    Change::UpdateGroup {
        conversation: Some(Box::new(described_group(id))),
        members: Vec::new(),
        message: messages.pop().expect("there are three"),
        preceding: messages,
        fence: Seq(fence),
    }
}

/// Returns group 1 as [`describe`] leaves it.
fn described_group(id: ConversationId) -> Conversation {
    Conversation {
        id,
        title: Some(Title::from_stored("Another")),
        about: About::from_stored("All of it"),
        ..group(1, user_id(1))
    }
}

/// Makes the change by which user 1, the owner, leaves a group and user 2 becomes its owner. The messages have these
/// numbers, that about the new owner first.
fn leave(id: ConversationId, [succession, n]: [u64; 2], fence: u64) -> Change {
    let (ana, ben) = (user_id(1), user_id(2));
    Change::UpdateGroup {
        conversation: None,
        members: vec![MemberChange::Left(ana), MemberChange::Role(ben, Role::Owner)],
        preceding: vec![Arc::new(system(id, succession, ana, owned_by(ben)))],
        message: Arc::new(system(id, n, ana, left(ana))),
        fence: Seq(fence),
    }
}

const fn owned_by(user_id: UserId) -> SystemEvent {
    let role = Role::Owner;
    SystemEvent::RoleChanged { user_id, role }
}

const fn left(user_id: UserId) -> SystemEvent {
    SystemEvent::MemberLeft { user_id }
}

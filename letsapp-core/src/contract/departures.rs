//! The state of a conversation that former members continue to see.

use std::sync::Arc;

use super::Trial;
use super::fixtures::{at, group, system, text, user_id};
use super::steps::{append, update_group};
use crate::domain::conversation::Conversation;
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::member::MemberChange;
use crate::domain::message::SystemEvent;
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::user::About;
use crate::ports::Change;

/// Has the third of these users leave a group that was renamed before, and renames it once more. Returns the group.
async fn leave_between_titles(trial: &Trial, users: &[UserId]) -> ConversationId {
    let id = trial.group(1, users).await;
    let renamed = |n: u64, title: &str, fence: u64| Change::UpdateGroup {
        conversation: Some(Box::new(Conversation {
            title: Some(Title::from_stored(title)),
            about: About::from_stored(format!("About {title}")),
            avatar_media_id: None,
            ..group(1, users[0])
        })),
        members: Vec::new(),
        preceding: Vec::new(),
        message: Arc::new(system(
            id,
            n,
            users[0],
            SystemEvent::TitleChanged {
                title: title.to_owned(),
            },
        )),
        fence: Seq(fence),
    };
    trial.store(renamed(2, "Before", 1)).await;
    let first = trial.store(append(text(id, 3, users[0]), Seq(2))).await;
    trial.edit(&first, "edited", Seq(2)).await;
    let left = system(id, 4, users[2], SystemEvent::MemberLeft { user_id: users[2] });
    trial
        .store(update_group(&[MemberChange::Left(users[2])], left, Seq(2)))
        .await;
    trial.store(renamed(5, "After", 4)).await;
    let joined = [MemberChange::Joined(user_id(9), Role::Member)];
    trial.tell(id, 6, &joined, 5).await;
    id
}

/// Returns what the third user sees after [`leave_between_titles`].
fn expected() -> Departure {
    Departure {
        at: at(4),
        seq: Seq(4),
        rev: Rev(5),
        title: Some(Title::from_stored("Before")),
        about: About::from_stored("About Before"),
        avatar_media_id: None,
        member_count: 2,
        listed: true,
    }
}

async fn departure(trial: &Trial, id: ConversationId, user_id: UserId) -> Option<Departure> {
    let member = trial.member(id, user_id).await;
    let memberships = trial.conversations().memberships(user_id).await.unwrap();
    assert!(
        memberships.contains(&member),
        "the same record, whichever way it is read"
    );
    member.departure.map(|departure| *departure)
}

pub async fn a_former_member_keeps_the_state_at_leaving(trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let id = leave_between_titles(&trial, &users).await;
    assert_eq!(departure(&trial, id, users[2]).await, Some(expected()));
    assert_eq!(
        departure(&trial, id, users[1]).await,
        None,
        "a member sees the present state"
    );
    // An owner leaves and another follows, and a second one is removed in the same step.
    let change = Change::UpdateGroup {
        conversation: None,
        members: vec![
            MemberChange::Left(users[0]),
            MemberChange::Left(user_id(9)),
            MemberChange::Role(users[1], Role::Owner),
        ],
        preceding: vec![Arc::new(system(
            id,
            7,
            users[0],
            SystemEvent::MemberLeft { user_id: users[0] },
        ))],
        message: Arc::new(system(id, 8, users[0], SystemEvent::MemberLeft { user_id: users[0] })),
        fence: Seq(6),
    };
    trial.store(change).await;
    for user in [users[0], user_id(9)] {
        let departure = departure(&trial, id, user).await.unwrap();
        assert_eq!(
            (departure.seq, departure.rev, departure.member_count),
            (Seq(8), Rev(9), 1)
        );
        assert_eq!(departure.title, Some(Title::from_stored("After")));
    }
    assert_eq!(
        departure(&trial, id, users[2]).await,
        Some(expected()),
        "who left before sees the same"
    );
}

pub async fn a_returning_member_has_no_departure(trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let id = leave_between_titles(&trial, &users).await;
    trial
        .tell(id, 10, &[MemberChange::Joined(users[2], Role::Member)], 6)
        .await;
    assert_eq!(departure(&trial, id, users[2]).await, None);
    trial.tell(id, 11, &[MemberChange::Left(users[2])], 7).await;
    let again = departure(&trial, id, users[2]).await.unwrap();
    assert_eq!((again.seq, again.member_count), (Seq(8), 3));
    assert_eq!(again.title, Some(Title::from_stored("After")));
}

pub async fn a_departure_is_replaced_only_while_it_is_the_last(trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let id = leave_between_titles(&trial, &users).await;
    let unlisted = Departure {
        listed: false,
        ..expected()
    };
    let put =
        async |user, departure: Departure| trial.conversations().put_departure(id, user, departure).await.unwrap();
    put(users[2], unlisted.clone()).await;
    assert_eq!(departure(&trial, id, users[2]).await, Some(unlisted.clone()));
    put(users[2], expected()).await;
    assert_eq!(
        departure(&trial, id, users[2]).await,
        Some(unlisted.clone()),
        "found late, it does not come back into the list"
    );
    let elsewhere = Departure {
        seq: Seq(3),
        ..expected()
    };
    put(users[2], elsewhere).await;
    put(users[1], unlisted.clone()).await;
    put(user_id(8), unlisted.clone()).await;
    assert_eq!(departure(&trial, id, users[2]).await, Some(unlisted.clone()));
    assert_eq!(departure(&trial, id, users[1]).await, None, "a member has none");
    trial
        .tell(id, 10, &[MemberChange::Joined(users[2], Role::Member)], 6)
        .await;
    put(users[2], unlisted).await;
    assert_eq!(
        departure(&trial, id, users[2]).await,
        None,
        "the user has come back meanwhile"
    );
}

pub async fn the_state_at_leaving_survives_a_restart(mut trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let id = leave_between_titles(&trial, &users).await;
    trial.restart().await;
    assert_eq!(departure(&trial, id, users[2]).await, Some(expected()));
}

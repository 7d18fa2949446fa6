//! Creating and changing groups: a system message and the change that it describes are one step.

use std::sync::Arc;

use super::Trial;
use super::fixtures::{at, call, deleted, group, media_id, system, text, user_id};
use super::steps::{append, creation, duplicate, position, revise, update_group};
use crate::domain::conversation::Conversation;
use crate::domain::id::{Rev, Seq};
use crate::domain::member::{Member, MemberChange, PreferencesPatch, Watermarks};
use crate::domain::message::{Position, SystemEvent};
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::user::About;
use crate::domain::window::Window;
use crate::ports::{Advance, Change, Outcome};

pub async fn a_group_is_made_with_its_members_and_first_message(trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let change = creation(1, &users);
    let message = change.message().clone();
    let id = message.conversation_id;
    assert_eq!(trial.commit_one(change).await, position(1, 1, 0));
    assert_eq!(trial.conversation(id).await, group(1, users[0]));
    let first = trial.message(id, 1).await;
    assert_eq!(
        (first.id, &first.content, first.sender_id),
        (message.id, &message.content, message.sender_id)
    );
    let roster = trial.roster(id).await;
    assert_eq!((roster.members.len(), roster.fence), (3, Seq(1)));
    for member in &roster.members {
        let role = if member.user_id == users[0] {
            Role::Owner
        } else {
            Role::Member
        };
        let expected = MemberChange::Joined(member.user_id, role);
        assert_eq!(Some(member.clone()), expected.apply(id, None, Seq(1), message.sent_at));
        assert_eq!(
            trial.conversations().memberships(member.user_id).await.unwrap(),
            [member.clone()]
        );
    }
    trial.audit(id).await;
}

pub async fn a_group_that_exists_is_not_made_again(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let outcomes = trial
        .commit(vec![creation(1, &[ana]), creation(1, &[ben, ana]), creation(2, &[ben])])
        .await;
    let exists = Outcome::Exists(Box::new(group(1, ana)));
    assert_eq!(outcomes, [position(1, 1, 0), exists, position(1, 1, 0)]);
    let Change::Create {
        mut conversation,
        members,
        message,
    } = creation(1, &[ben])
    else {
        unreachable!("that is what it makes")
    };
    conversation.title = Some(Title::from_stored("Another"));
    let another = Change::Create {
        conversation,
        members,
        message,
    };
    assert_eq!(
        trial.commit_one(another).await,
        Outcome::Exists(Box::new(group(1, ana)))
    );
    let id = group(1, ana).id;
    assert_eq!(trial.conversation(id).await, group(1, ana));
    assert_eq!(trial.roster(id).await.members.len(), 1);
    assert_eq!(trial.conversations().members(&[(id, ben)]).await.unwrap(), []);
    assert_eq!(trial.audit(id).await.len(), 1);
}

pub async fn a_group_is_made_and_used_in_one_batch(trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let id = group(1, users[0]).id;
    let outcomes = trial.commit(vec![
        creation(1, &users[..2]),
        append(text(id, 2, users[1]), Seq(1)),
        update_group(
            &[MemberChange::Joined(users[2], Role::Member)],
            system(
                id,
                3,
                users[0],
                SystemEvent::MembersAdded {
                    user_ids: vec![users[2]],
                },
            ),
            Seq(1),
        ),
        append(text(id, 4, users[2]), Seq(3)),
    ]);
    let expected = [
        position(1, 1, 0),
        position(2, 2, 1),
        position(3, 3, 1),
        position(4, 4, 2),
    ];
    assert_eq!(outcomes.await, expected);
    let window = Window { from: Seq(3), to: None };
    assert_eq!(trial.member(id, users[2]).await.windows, [window]);
    trial.audit(id).await;
}

pub async fn a_group_takes_hundreds_of_members(trial: Trial) {
    let users: Vec<_> = (1..=1_024).map(user_id).collect();
    let id = trial.group(1, &users).await;
    let roster = trial.roster(id).await;
    let mut expected = users.clone();
    expected.sort_unstable();
    assert_eq!(
        roster.members.iter().map(|member| member.user_id).collect::<Vec<_>>(),
        expected
    );
    assert!(
        roster
            .members
            .iter()
            .all(|member| (member.role == Role::Owner) == (member.user_id == users[0]))
    );
}

pub async fn a_system_message_and_its_change_are_one_step(trial: Trial) {
    let ana = user_id(1);
    let id = trial.group(1, &[ana]).await;
    let mut expected = group(1, ana);
    for fence in 1..=3 {
        match fence {
            1 => expected.title = Some(Title::from_stored("Another title")),
            2 => expected.about = About::from_stored(""),
            _ => expected.avatar_media_id = Some(media_id(77)),
        }
        let event = SystemEvent::TitleChanged {
            title: fence.to_string(),
        };
        let change = Change::UpdateGroup {
            conversation: Some(Box::new(expected.clone())),
            members: Vec::new(),
            preceding: Vec::new(),
            message: Arc::new(system(id, 10 + fence, ana, event)),
            fence: Seq(fence),
        };
        assert_eq!(trial.commit_one(change).await, position(fence + 1, fence + 1, 0));
        assert_eq!(trial.conversation(id).await, expected);
        let roster = trial.roster(id).await;
        assert_eq!((roster.conversation, roster.fence), (expected.clone(), Seq(fence + 1)));
    }
    trial.tell(id, 20, &[], 4).await;
    assert_eq!(
        trial.conversation(id).await,
        expected,
        "it stays as it is where nothing is said of it"
    );
}

pub async fn a_window_begins_with_the_message_about_joining(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana]).await;
    trial.store(append(text(id, 2, ana), Seq(1))).await;
    let message = system(id, 3, ana, SystemEvent::MembersAdded { user_ids: vec![ben] });
    let sent_at = message.sent_at;
    let change = MemberChange::Joined(ben, Role::Admin);
    trial.store(update_group(&[change], message, Seq(1))).await;
    let expected = change.apply(id, None, Seq(3), sent_at).unwrap();
    assert_eq!((expected.joined_at, expected.changed_at), (sent_at, sent_at));
    assert_eq!(trial.member(id, ben).await, expected);
    assert_eq!(trial.conversations().memberships(ben).await.unwrap(), [expected]);
}

pub async fn a_returning_member_gets_another_window(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    let patch = PreferencesPatch {
        pinned: Some(true),
        ..PreferencesPatch::default()
    };
    let late = at(1_000);
    trial
        .conversations()
        .update_preferences(id, ben, patch, late)
        .await
        .unwrap();
    let advance = Advance {
        conversation_id: id,
        user_id: ben,
        to: Watermarks::read(Seq(1)),
        at: at(1),
    };
    trial.conversations().advance(vec![advance]).await.unwrap();

    let mut expected = trial.member(id, ben).await;
    let steps = [
        MemberChange::Role(ben, Role::Admin),
        MemberChange::Left(ben),
        MemberChange::Joined(ben, Role::Member),
        MemberChange::Left(ben),
        MemberChange::Joined(ben, Role::Owner),
    ];
    for (fence, change) in (1..).zip(steps) {
        let message = system(id, 10 + fence, ana, SystemEvent::MemberLeft { user_id: ben });
        let sent_at = message.sent_at;
        trial.store(update_group(&[change], message, Seq(fence))).await;
        expected = change.apply(id, Some(&expected), Seq(fence + 1), sent_at).unwrap();
        if !expected.is_in() {
            let position = Position {
                seq: Seq(fence + 1),
                rev: Rev(fence + 1),
                ordinal: 0,
                sent_at,
            };
            expected.departure = Some(Box::new(group(1, ana).departure(position, 1)));
        }
        assert_eq!(trial.member(id, ben).await, expected);
        assert_eq!(
            trial.conversations().memberships(ben).await.unwrap(),
            [expected.clone()]
        );
    }
    let window = |from, to: Option<u64>| Window {
        from: Seq(from),
        to: to.map(Seq),
    };
    assert_eq!(
        expected.windows,
        [window(1, Some(3)), window(4, Some(5)), window(6, None)]
    );
    assert!(expected.preferences.pinned);
    assert_eq!(
        expected.changed_at, late,
        "a change with an earlier time does not lower it"
    );
    assert_eq!(expected.watermarks, Watermarks::read(Seq(1)));
}

pub async fn several_members_change_in_one_step(trial: Trial) {
    let users: Vec<_> = (1..=4).map(user_id).collect();
    let id = trial.group(1, &users[..3]).await;
    let changes = [
        MemberChange::Role(users[1], Role::Owner),
        MemberChange::Role(users[0], Role::Admin),
        MemberChange::Left(users[2]),
        MemberChange::Joined(users[3], Role::Member),
    ];
    trial.tell(id, 2, &changes, 1).await;
    let mut members = trial.roster(id).await.members;
    members.sort_by_key(|member| users.iter().position(|user| *user == member.user_id));
    let roles: Vec<_> = members.iter().map(|member| (member.user_id, member.role)).collect();
    assert_eq!(
        roles,
        [
            (users[0], Role::Admin),
            (users[1], Role::Owner),
            (users[3], Role::Member)
        ]
    );
}

pub async fn changes_of_members_without_effect_change_nothing(trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let id = trial.group(1, &users[..2]).await;
    trial.tell(id, 2, &[MemberChange::Left(users[1])], 1).await;
    let before: Vec<Member> = vec![trial.member(id, users[0]).await, trial.member(id, users[1]).await];
    let nothing = [
        MemberChange::Joined(users[0], Role::Member),
        MemberChange::Left(users[1]),
        MemberChange::Role(users[1], Role::Admin),
        MemberChange::Left(users[2]),
        MemberChange::Role(users[2], Role::Admin),
    ];
    trial.tell(id, 3, &nothing, 2).await;
    let after: Vec<Member> = vec![trial.member(id, users[0]).await, trial.member(id, users[1]).await];
    assert_eq!(after, before);
    assert_eq!(trial.conversations().members(&[(id, users[2])]).await.unwrap(), []);
    assert_eq!(trial.conversations().memberships(users[2]).await.unwrap(), []);
    assert_eq!(trial.audit(id).await.len(), 3, "the message itself is there");
}

pub async fn a_repeated_system_message_is_not_carried_out_again(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    let left = system(id, 2, ana, SystemEvent::MemberLeft { user_id: ben });
    let leave = update_group(&[MemberChange::Left(ben)], left, Seq(1));
    let stored = trial.store(leave.clone()).await;
    trial.tell(id, 3, &[MemberChange::Joined(ben, Role::Member)], 2).await;
    let before = trial.member(id, ben).await;

    let Change::UpdateGroup { members, message, .. } = leave.clone() else {
        unreachable!("that is what it makes")
    };
    let renamed = Change::UpdateGroup {
        conversation: Some(Box::new(Conversation {
            title: None,
            ..group(1, ana)
        })),
        members,
        preceding: Vec::new(),
        message,
        fence: Seq(3),
    };
    for outcome in trial.commit(vec![leave, renamed]).await {
        assert_eq!(duplicate(outcome), stored);
    }
    assert_eq!(trial.member(id, ben).await, before);
    assert_eq!(trial.conversation(id).await, group(1, ana));
    assert_eq!(trial.audit(id).await.len(), 3);
}

pub async fn an_outdated_system_message_is_not_carried_out(trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let id = trial.group(1, &users[..2]).await;
    trial.tell(id, 2, &[], 1).await;
    let before = (trial.roster(id).await, trial.head(id).await);
    let change = Change::UpdateGroup {
        conversation: Some(Box::new(Conversation {
            title: None,
            ..group(1, users[0])
        })),
        members: vec![
            MemberChange::Left(users[1]),
            MemberChange::Joined(users[2], Role::Member),
        ],
        preceding: Vec::new(),
        message: Arc::new(system(id, 3, users[0], SystemEvent::MemberLeft { user_id: users[1] })),
        fence: Seq(1),
    };
    assert_eq!(trial.commit_one(change).await, Outcome::Outdated);
    assert_eq!((trial.roster(id).await, trial.head(id).await), before);
    assert_eq!(trial.conversations().members(&[(id, users[2])]).await.unwrap(), []);
}

pub async fn a_change_after_a_duplicate_needs_the_newest_fence(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let another = trial.another().await;
    let id = another.group(1, &[ana, ben]).await;
    let told = trial.tell(id, 2, &[], 1).await;
    // The instance that created the group may still have the fence before the second system message in its cache.
    let again = append(text(id, 2, ana), Seq(1));
    let new = append(text(id, 3, ana), Seq(2));
    let ahead = append(text(id, 4, ana), Seq(4));
    let mut outcomes = another.commit(vec![again, new, ahead]).await;
    assert_eq!(outcomes.split_off(1), [position(3, 3, 1), Outcome::Outdated]);
    assert_eq!(duplicate(outcomes.remove(0)).seq, told);
}

pub async fn a_call_note_does_not_move_the_fence(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let another = trial.another().await;
    let direct = trial.direct(ana, ben).await;
    let group = trial.group(1, &[ana, ben]).await;
    for (id, fence) in [(direct, Seq::ZERO), (group, Seq(1))] {
        let roster = trial.roster(id).await;
        assert_eq!(roster.fence, fence);
        let before = append(text(id, 10, ana), fence);
        let note = update_group(&[], call(id, 11, ana), fence);
        let after = append(text(id, 12, ben), fence);
        let outcomes = trial.commit(vec![before, note, after]).await;
        let at = |place: u64, ordinal| position(fence.0 + place, fence.0 + place, ordinal);
        assert_eq!(
            outcomes,
            [at(1, 1), at(2, 1), at(3, 2)],
            "all decided under the old fence"
        );
        assert_eq!((trial.head(id).await.fence, trial.roster(id).await), (fence, roster));
        assert_eq!(another.head(id).await.fence, fence, "whoever reads it");
        let elsewhere = another.commit_one(append(text(id, 13, ben), fence)).await;
        assert_eq!(elsewhere, at(4, 3));
        let again = trial.commit_one(update_group(&[], call(id, 11, ana), fence)).await;
        assert_eq!(duplicate(again).seq, Seq(fence.0 + 2));
        trial.audit(id).await;
    }
    let told = trial.tell(group, 14, &[], 1).await;
    let outdated = update_group(&[], call(group, 15, ana), Seq(1));
    assert_eq!(
        trial.commit_one(outdated).await,
        Outcome::Outdated,
        "but it has to be decided under it"
    );
    assert_eq!(trial.head(group).await.fence, told);
}

pub async fn revisions_do_not_move_the_fence(trial: Trial) {
    let ana = user_id(1);
    let id = trial.group(1, &[ana]).await;
    let message = trial.store(append(text(id, 2, ana), Seq(1))).await;
    let message = trial.edit(&message, "edited", Seq(1)).await;
    trial.store(revise(deleted(&message, 9), Seq(1))).await;
    trial.store(append(text(id, 3, ana), Seq(1))).await;
    assert_eq!(trial.head(id).await.fence, Seq(1));
    assert_eq!(trial.roster(id).await.fence, Seq(1));
}

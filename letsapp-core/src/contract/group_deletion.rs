//! Deleting groups: one atomic step removes all members, and later steps purge the messages.

use std::sync::Arc;

use super::Trial;
use super::fixtures::{at, deleted, group, system, text, user_id};
use super::steps::{ALL, append, at_once, committed, creation, duplicate, position, revise, seqs, update_group};
use crate::domain::conversation::Conversation;
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::member::{Member, MemberChange, PreferencesPatch, Watermarks};
use crate::domain::message::{Message, SystemEvent};
use crate::domain::role::Role;
use crate::domain::window::{Span, Window};
use crate::ports::{Advance, Change, Outcome, Range, SenderQuery};

pub async fn deleting_a_group_removes_members_and_former_members(trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let (ana, ben, cem) = (users[0], users[1], users[2]);
    let id = trial.group(1, &users).await;
    let other = trial.group(2, &users).await;
    trial.tell(id, 10, &[MemberChange::Left(cem)], 1).await;
    trial.tell(other, 10, &[MemberChange::Left(cem)], 1).await;
    let kept = [trial.member(other, ana).await, trial.member(other, cem).await];

    trial.delete_group(id, 11, &[ana, ben], 2).await;
    let conversations = trial.conversations();
    let of: Vec<_> = users.iter().map(|user_id| (id, *user_id)).collect();
    assert_eq!(conversations.members(&of).await.unwrap(), [], "former members too");
    for user_id in &users {
        let memberships = conversations.memberships(*user_id).await.unwrap();
        let ids: Vec<_> = memberships.iter().map(|member| member.conversation_id).collect();
        assert_eq!(ids, [other]);
    }
    let roster = trial.roster(id).await;
    assert_eq!((roster.members, roster.fence), (Vec::new(), Seq(3)));
    let counts = conversations.member_counts(&[id]).await.unwrap();
    assert!(counts.iter().all(|(_, count)| *count == 0), "{counts:?}");
    let patch = PreferencesPatch {
        pinned: Some(true),
        ..PreferencesPatch::default()
    };
    for user_id in &users {
        assert_eq!(
            conversations
                .update_preferences(id, *user_id, patch, at(99))
                .await
                .unwrap(),
            None
        );
    }
    let advance = Advance {
        conversation_id: id,
        user_id: ben,
        to: Watermarks::read(Seq(3)),
        at: at(99),
    };
    conversations.advance(vec![advance]).await.unwrap();
    assert_eq!(trial.member_if_any(id, ben).await, None, "whatever it was answered");
    let still: [Member; 2] = [trial.member(other, ana).await, trial.member(other, cem).await];
    assert_eq!(still, kept, "of another group nothing is changed");
}

pub async fn a_deleted_group_keeps_the_fingerprint_of_its_creation(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    trial.delete_group(id, 10, &[ana, ben], 1).await;
    let left = group(1, ana).deleted(at(10));
    assert_eq!(trial.conversation(id).await, left);
    assert_eq!(
        (left.title, left.avatar_media_id, left.deleted_at),
        (None, None, Some(at(10)))
    );
    let expected = Outcome::Exists(Box::new(group(1, ana).deleted(at(10))));
    for users in [[ana, ben], [ben, ana]] {
        assert_eq!(trial.commit_one(creation(1, &users)).await, expected);
    }
    while !trial.conversations().purge(id, 10).await.unwrap() {}
    assert_eq!(trial.commit_one(creation(1, &[ana, ben])).await, expected);
    assert_eq!(trial.roster(id).await.members, []);
}

pub async fn nothing_is_committed_after_the_deletion_of_a_group(trial: Trial) {
    let another = trial.another().await;
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    let first = trial.store(append(text(id, 2, ben), Seq(1))).await;
    // A commit through the other instance, so that it has the state of the group in its caches.
    another.store(append(text(id, 3, ben), Seq(1))).await;
    trial.delete_group(id, 4, &[ana, ben], 1).await;
    let head = trial.head(id).await;
    assert_eq!((head.seq, head.fence), (Seq(4), Seq(4)));
    for trial in [&trial, &another] {
        let late = [
            append(text(id, 5, ben), Seq(1)),
            revise(deleted(&first, 9), Seq(1)),
            update_group(
                &[MemberChange::Joined(user_id(3), Role::Member)],
                system(
                    id,
                    6,
                    ana,
                    SystemEvent::MembersAdded {
                        user_ids: vec![user_id(3)],
                    },
                ),
                Seq(1),
            ),
        ];
        for change in late {
            assert_eq!(trial.commit_one(change).await, Outcome::Outdated);
        }
        let again = trial.commit_one(append(first.clone(), Seq(1))).await;
        assert_eq!(
            duplicate(again),
            first,
            "of what was there first, the answer is the same"
        );
    }
    while !trial.conversations().purge(id, 1).await.unwrap() {}
    for trial in [&trial, &another] {
        let outcome = trial.commit_one(append(text(id, 7, ben), Seq(1))).await;
        assert_eq!(outcome, Outcome::Outdated, "nor does anything once the rest is gone");
    }
    assert_eq!(trial.head(id).await, head);
}

pub async fn a_message_sent_during_the_deletion_precedes_it_or_is_not_stored(trial: Trial) {
    let another = trial.another().await;
    let (ana, ben) = (user_id(1), user_id(2));
    for round in 1..6 {
        let id = trial.group(round, &[ana, ben]).await;
        let end = {
            let trial = trial.clone();
            async move {
                trial.reach(id, 10).await;
                trial.delete_group(id, 9_999, &[ana, ben], 1).await.seq
            }
        };
        let (end, outcomes) = tokio::join!(end, trial.chatter(&another, id, ben));
        let messages = trial.audit(id).await;
        assert_eq!(messages.last().map(|message| message.seq), Some(end));
        let sent = outcomes.iter().filter(|outcome| **outcome != Outcome::Outdated);
        assert_eq!(messages.len(), sent.count() + 2);
        assert_eq!(trial.member_if_any(id, ben).await, None);
    }
}

pub async fn of_concurrent_deletions_of_a_group_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    let ana = user_id(1);
    let id = trial.group(1, &[ana]).await;
    let outcomes = at_once((0..8).map(|n| {
        let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
        async move { trial.commit_one(deletion(id, 100 + n, &[ana], 1)).await }
    }));
    let outcomes = outcomes.await;
    let ended = outcomes.iter().filter(|outcome| **outcome != Outcome::Outdated).count();
    assert_eq!(ended, 1, "{outcomes:?}");
    assert!(outcomes.contains(&position(2, 2, 0)));
    assert_eq!(trial.conversations().deleted(at(1_000), 10).await.unwrap(), [id]);
}

pub async fn a_deleted_group_is_purged_in_parts(trial: Trial) {
    let users: Vec<_> = (1..=7).map(user_id).collect();
    let id = trial.group(1, &users).await;
    trial.tell(id, 2, &[MemberChange::Left(users[6])], 1).await;
    for n in 3..=12 {
        let message = trial.store(append(text(id, n, users[0]), Seq(2))).await;
        if n % 3 == 0 {
            trial.store(revise(deleted(&message, 9), Seq(2))).await;
        }
    }
    trial.delete_group(id, 13, &users[..6], 2).await;
    let before = trial.head(id).await;
    let mut left = vec![13];
    while !trial.conversations().purge(id, 3).await.unwrap() {
        let messages = trial.everything(id).await;
        assert!(messages.len() + 3 >= left[left.len() - 1], "at most three at once");
        left.push(messages.len());
        assert_eq!(trial.head(id).await, before, "the head is the same all along");
        assert_eq!(trial.roster(id).await.members, []);
        assert!(left.len() < 20, "it comes to an end");
    }
    assert!(left.len() >= 4, "{left:?}");
    assert_eq!(seqs(&trial.everything(id).await), [13], "the end of it stays");
    assert_eq!(seqs(&trial.changes(id, 0).await), [13]);
    let messages = trial.messages();
    let window = [Window {
        from: Seq(1),
        to: Some(Seq(12)),
    }];
    assert_eq!(messages.history(id, &window, Range::Newest, 50).await.unwrap(), []);
    assert_eq!(messages.changes(id, &window, Rev(0), 50).await.unwrap(), []);
    let places: Vec<_> = (1..=12).map(|seq| (id, Seq(seq))).collect();
    assert_eq!(messages.find(&places).await.unwrap(), []);
    assert_eq!(trial.message_by_id(id, text(id, 5, users[0]).id).await, None);
    let span = Span {
        conversation_id: id,
        after: Seq(0),
        through: Seq(12),
    };
    let query = SenderQuery {
        span,
        among: users.clone(),
    };
    assert_eq!(messages.senders(&[query]).await.unwrap(), [Vec::<UserId>::new()]);
    let pairs: Vec<_> = users.iter().map(|user_id| (id, *user_id)).collect();
    assert_eq!(messages.last_sent(&pairs).await.unwrap(), []);
    assert!(
        trial.conversations().purge(id, 3).await.unwrap(),
        "again there is nothing"
    );
    assert_eq!(trial.head(id).await, before);
}

pub async fn a_group_may_be_purged_concurrently_and_again(trial: Trial) {
    let another = trial.another().await;
    let users: Vec<_> = (1..=20).map(user_id).collect();
    let id = trial.group(1, &users).await;
    for n in 2..=40 {
        trial.store(append(text(id, n, users[0]), Seq(1))).await;
    }
    trial.delete_group(id, 41, &users, 1).await;
    let steps = at_once((0..6).map(|n| {
        let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
        async move {
            let mut steps = 1;
            while !trial.conversations().purge(id, 7).await.unwrap() {
                steps += 1;
            }
            steps
        }
    }));
    assert!(steps.await.into_iter().all(|steps| steps < 30));
    assert_eq!(seqs(&trial.everything(id).await), [41]);
    assert_eq!(trial.conversations().deleted(at(1_000), 10).await.unwrap(), []);
}

pub async fn only_deleted_groups_are_purged(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let (kept, gone) = (trial.group(1, &[ana, ben]).await, trial.group(2, &[ana, ben]).await);
    let chat = trial.direct(ana, ben).await;
    let mut expected = Vec::new();
    for (id, fence) in [(kept, Seq(1)), (chat, Seq::ZERO)] {
        // With the same message id as in the group that is deleted.
        trial.store(append(text(id, 50, ana), fence)).await;
        trial.store(append(text(id, 51, ben), fence)).await;
        expected.push((id, trial.everything(id).await, trial.member(id, ben).await));
    }
    trial.store(append(text(gone, 50, ana), Seq(1))).await;
    trial.delete_group(gone, 52, &[ana, ben], 1).await;
    for id in [kept, chat, group(9, ana).id, gone] {
        while !trial.conversations().purge(id, 100).await.unwrap() {}
    }
    for (id, messages, member) in expected {
        assert_eq!(trial.everything(id).await, messages);
        assert_eq!(trial.member(id, ben).await, member);
        trial.audit(id).await;
    }
    assert_eq!(trial.conversations().memberships(ben).await.unwrap().len(), 2);
}

pub async fn groups_are_listed_until_they_are_purged(trial: Trial) {
    let ana = user_id(1);
    for (n, millis) in [(1, 30), (2, 10), (3, 20)] {
        let id = trial.group(n, &[ana]).await;
        trial.delete_group(id, millis, &[ana], 1).await;
    }
    trial.group(4, &[ana]).await;
    let conversations = trial.conversations();
    let deleted = async |before, limit| conversations.deleted(at(before), limit).await.unwrap();
    let id = |n| group(n, ana).id;
    assert_eq!(deleted(100, 10).await, [id(2), id(3), id(1)], "the longest ago first");
    assert_eq!(deleted(30, 10).await, [id(2), id(3)], "before, not at");
    assert_eq!(deleted(100, 1).await, [id(2)]);
    while !conversations.purge(id(2), 100).await.unwrap() {}
    assert_eq!(deleted(100, 10).await, [id(3), id(1)]);
}

pub async fn the_deletion_of_a_group_survives_a_restart(mut trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    trial.store(append(text(id, 2, ana), Seq(1))).await;
    trial.store(append(text(id, 3, ana), Seq(1))).await;
    trial.delete_group(id, 6, &[ana, ben], 1).await;
    assert!(!trial.conversations().purge(id, 1).await.unwrap());
    trial.restart().await;
    assert_eq!(trial.conversations().deleted(at(100), 10).await.unwrap(), [id]);
    assert_eq!(trial.conversations().memberships(ben).await.unwrap(), []);
    let late = trial.commit_one(append(text(id, 7, ben), Seq(1))).await;
    assert_eq!(late, Outcome::Outdated);
    while !trial.conversations().purge(id, 1).await.unwrap() {}
    trial.restart().await;
    assert_eq!(trial.conversations().deleted(at(100), 10).await.unwrap(), []);
    let left = trial.messages().history(id, ALL, Range::Newest, 9).await.unwrap();
    assert_eq!(seqs(&left), [4]);
    let exists = trial.commit_one(creation(1, &[ana, ben])).await;
    assert!(matches!(exists, Outcome::Exists(_)), "{exists:?}");
}

/// Makes the change that deletes a group with these members.
fn deletion(id: ConversationId, n: u64, members: &[UserId], fence: u64) -> Change {
    let message = system(id, n, members[0], SystemEvent::GroupDeleted);
    let conversation = Conversation {
        id,
        ..group(1, user_id(1))
    };
    Change::UpdateGroup {
        conversation: Some(Box::new(conversation.deleted(message.sent_at))),
        members: members.iter().map(|user_id| MemberChange::Left(*user_id)).collect(),
        preceding: Vec::new(),
        message: Arc::new(message),
        fence: Seq(fence),
    }
}

impl Trial {
    /// Deletes a group. `n` is the number of its system message, and the time of the deletion.
    pub(super) async fn delete_group(&self, id: ConversationId, n: u64, members: &[UserId], fence: u64) -> Message {
        let change = deletion(id, n, members, fence);
        let message = Message::clone(change.message());
        message.at(committed(self.commit_dated(vec![change]).await.remove(0)))
    }
}

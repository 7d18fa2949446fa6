//! Concurrent writes to the same conversations, through one instance and through two.

use super::Trial;
use super::fixtures::{edited, system, text, user_id};
use super::steps::{append, at_once, committed, creation, duplicate, revise, update_group};
use crate::domain::id::{ConversationId, Rev, Seq};
use crate::domain::member::MemberChange;
use crate::domain::message::{Message, SystemEvent};
use crate::domain::role::Role;
use crate::ports::Outcome;

pub async fn concurrent_appends_are_all_stored_without_gaps(trial: Trial) {
    let id = trial.direct(user_id(1), user_id(2)).await;
    let positions = at_once((0..16).map(|task| {
        let trial = trial.clone();
        async move {
            let mut positions = Vec::new();
            for n in 0..12 {
                let message = text(id, 100 * task + n, user_id(1));
                let outcome = trial.commit_dated(vec![append(message, Seq::ZERO)]).await.remove(0);
                positions.push(committed(outcome));
            }
            positions
        }
    }));
    let positions = positions.await;
    let messages = trial.audit(id).await;
    assert_eq!(messages.len(), 16 * 12);
    for (task, positions) in (0..).zip(positions) {
        assert!(
            positions.is_sorted_by(|a, b| a.seq < b.seq),
            "what one committed later stands later"
        );
        for (n, position) in (0..).zip(positions) {
            let stored = &messages[usize::try_from(position.seq.0 - 1).unwrap()];
            let sent = text(id, 100 * task + n, user_id(1)).at(position);
            assert_eq!(*stored, sent, "each where its sender was told");
        }
    }
}

pub async fn two_instances_write_to_the_same_conversations_without_gaps(trial: Trial) {
    let another = trial.another().await;
    let mut ids = Vec::new();
    for peer in 2..5 {
        ids.push(trial.direct(user_id(1), user_id(peer)).await);
    }
    let tasks = (0..8).map(|task| {
        let trial = if task % 2 == 0 { trial.clone() } else { another.clone() };
        let ids = ids.clone();
        async move {
            // Each batch has messages to all conversations, and edits of the task's earlier messages.
            let mut mine: Vec<Message> = Vec::new();
            for round in 0..6 {
                let new = (0..9).map(|n| {
                    let id = ids[usize::try_from(n % 3).expect("it is small")];
                    text(id, 1_000 * task + 10 * round + n, user_id(task))
                });
                let new: Vec<_> = new.collect();
                let edits: Vec<_> = mine
                    .iter()
                    .rev()
                    .take(5)
                    .map(|message| edited(message, "again", 9))
                    .collect();
                let mut changes: Vec<_> = new.iter().cloned().map(|message| append(message, Seq::ZERO)).collect();
                for (place, edit) in edits.iter().enumerate() {
                    changes.insert(2 * place, revise(edit.clone(), Seq::ZERO));
                }
                let stated: Vec<_> = changes.iter().map(|change| Message::clone(change.message())).collect();
                for (message, outcome) in stated.into_iter().zip(trial.commit_dated(changes).await) {
                    let message = message.at(committed(outcome));
                    mine.retain(|known| (known.conversation_id, known.id) != (message.conversation_id, message.id));
                    mine.push(message);
                }
            }
            mine
        }
    });
    let mut told: Vec<_> = at_once(tasks).await.into_iter().flatten().collect();
    let mut stored = Vec::new();
    for id in &ids {
        let messages = trial.audit(*id).await;
        assert_eq!(messages.len(), 8 * 6 * 3);
        let revs = trial.head(*id).await.rev.0;
        let mut changed: Vec<_> = messages.iter().map(|message| message.rev.0).collect();
        changed.sort_unstable();
        assert_eq!(changed.last(), Some(&revs));
        stored.extend(messages);
    }
    let edits: u64 = 8 * 5 * 5;
    let mut heads = 0;
    for id in &ids {
        heads += trial.head(*id).await.rev.0;
    }
    assert_eq!(heads, 8 * 6 * 9 + edits, "as many revs as changes: none is left out");
    let place = |message: &Message| (message.conversation_id, message.seq);
    told.sort_by_key(place);
    stored.sort_by_key(place);
    assert_eq!(
        stored, told,
        "all that was acknowledged, as it was acknowledged, and nothing else"
    );
}

pub async fn a_message_committed_concurrently_is_stored_once(trial: Trial) {
    let another = trial.another().await;
    let id = trial.direct(user_id(1), user_id(2)).await;
    for round in 0..8 {
        let outcomes = at_once((0..10).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            // The shared message is the first of some batches and the second of others.
            let mut changes = vec![append(text(id, 1_000 * round + n, user_id(1)), Seq::ZERO)];
            changes.insert(
                usize::from(n % 3 == 0),
                append(text(id, 1_000 * round + 500, user_id(1)), Seq::ZERO),
            );
            async move {
                let mut outcomes = trial.commit(changes).await;
                committed(outcomes.remove(usize::from(n % 3 != 0)));
                outcomes.remove(0)
            }
        }));
        let outcomes = outcomes.await;
        let stored = trial
            .message_by_id(id, text(id, 1_000 * round + 500, user_id(1)).id)
            .await
            .unwrap();
        let (first, rest): (Vec<_>, Vec<_>) = outcomes
            .into_iter()
            .partition(|outcome| matches!(outcome, Outcome::Committed(_)));
        assert_eq!(first.len(), 1);
        assert_eq!(committed(first[0].clone()).seq, stored.seq);
        assert!(rest.into_iter().all(|outcome| duplicate(outcome) == stored));
    }
    assert_eq!(trial.audit(id).await.len(), 8 * 11);
}

pub async fn of_concurrent_revisions_of_one_state_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    let id = trial.direct(user_id(1), user_id(2)).await;
    let mut message = trial.store(append(text(id, 1, user_id(1)), Seq::ZERO)).await;
    for round in 0..8 {
        let outcomes = at_once((0..10).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            let change = revise(edited(&message, &format!("round {round}, edit {n}"), 9), Seq::ZERO);
            async move { trial.commit_dated(vec![change]).await.remove(0) }
        }));
        let outcomes = outcomes.await;
        let landed: Vec<_> = (0..)
            .zip(&outcomes)
            .filter(|(_, outcome)| **outcome != Outcome::Outdated)
            .collect();
        assert_eq!(landed.len(), 1, "{outcomes:?}");
        let (winner, outcome) = landed[0];
        message = edited(&message, &format!("round {round}, edit {winner}"), 9).at(committed(outcome.clone()));
        assert_eq!(message.rev, Rev(round + 2), "the outdated took no rev");
        assert_eq!(trial.message(id, 1).await, message);
    }
    trial.audit(id).await;
}

pub async fn of_concurrent_system_messages_under_one_fence_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    let users: Vec<_> = (0..10).map(user_id).collect();
    let id = trial.group(1, &users[..1]).await;
    for round in 1..8 {
        let outcomes = at_once((1..10).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            let newcomer = user_id(n);
            async move {
                let before = trial.member_if_any(id, newcomer).await;
                let change = match before {
                    Some(member) if member.is_in() => MemberChange::Left(newcomer),
                    _ => MemberChange::Joined(newcomer, Role::Member),
                };
                let event = SystemEvent::MemberLeft { user_id: newcomer };
                let message = system(id, 100 * round + n, newcomer, event);
                (
                    change,
                    trial.commit_one(update_group(&[change], message, Seq(round))).await,
                )
            }
        }));
        let landed = outcomes
            .await
            .into_iter()
            .filter(|(_, outcome)| *outcome != Outcome::Outdated);
        let landed: Vec<_> = landed.collect();
        assert_eq!(landed.len(), 1, "{landed:?}");
        let (change, outcome) = landed[0].clone();
        assert_eq!(committed(outcome).seq, Seq(round + 1));
        let in_now = matches!(change, MemberChange::Joined(..));
        assert_eq!(trial.member(id, change.user_id()).await.is_in(), in_now);
        assert_eq!(trial.roster(id).await.member(change.user_id()).is_some(), in_now);
    }
    let messages = trial.audit(id).await;
    for message in &messages[1..] {
        // Only the change that won its round has changed a membership.
        let windows = trial.member(id, message.sender_id).await.windows;
        let edges = windows.iter().flat_map(|window| [Some(window.from), window.to]);
        assert!(
            edges.flatten().any(|seq| seq == message.seq),
            "{message:?} is in {windows:?}"
        );
    }
}

pub async fn a_system_message_committed_concurrently_is_carried_out_once(trial: Trial) {
    let another = trial.another().await;
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana]).await;
    let message = system(id, 2, ana, SystemEvent::MembersAdded { user_ids: vec![ben] });
    let join = update_group(&[MemberChange::Joined(ben, Role::Member)], message, Seq(1));
    let outcomes = at_once((0..10).map(|n| {
        let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
        let join = join.clone();
        async move { trial.commit_one(join).await }
    }));
    let stored = one_and_duplicates(outcomes, &trial, id).await;
    assert_eq!(stored.seq, Seq(2));
    assert_eq!(trial.member(id, ben).await.windows.len(), 1);
    assert_eq!(trial.audit(id).await.len(), 2);
}

pub async fn of_concurrent_creations_under_one_id_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        let outcomes = at_once((0..8).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            let change = creation(round, &[user_id(n), user_id(100 + n)]);
            async move { trial.commit_one(change).await }
        }));
        let outcomes = outcomes.await;
        let made: Vec<_> = (0..)
            .zip(&outcomes)
            .filter(|(_, outcome)| matches!(outcome, Outcome::Committed(_)))
            .collect();
        assert_eq!(made.len(), 1, "{outcomes:?}");
        let winner = made[0].0;
        let change = creation(round, &[user_id(winner), user_id(100 + winner)]);
        let id = change.message().conversation_id;
        let stored = trial.conversation(id).await;
        assert_eq!(stored.created_by, user_id(winner));
        for outcome in outcomes {
            match outcome {
                Outcome::Exists(conversation) => assert_eq!(*conversation, stored),
                other => assert_eq!(committed(other).seq, Seq(1)),
            }
        }
        assert_eq!(trial.roster(id).await.members.len(), 2, "the members of one request");
        for n in (0..8).filter(|n| *n != winner) {
            assert_eq!(trial.member_if_any(id, user_id(n)).await, None);
        }
        assert_eq!(trial.audit(id).await.len(), 1);
    }
}

pub async fn no_message_of_a_member_follows_their_removal(trial: Trial) {
    let another = trial.another().await;
    let (ana, ben) = (user_id(1), user_id(2));
    for round in 1..6 {
        let id = trial.group(round, &[ana, ben]).await;
        let removal = {
            let trial = trial.clone();
            async move {
                trial.reach(id, 10).await;
                trial.tell(id, 9_999, &[MemberChange::Left(ben)], 1).await
            }
        };
        let (told_at, outcomes) = tokio::join!(removal, trial.chatter(&another, id, ben));
        let messages = trial.audit(id).await;
        let window = trial.member(id, ben).await.windows[0];
        let left = window.to.unwrap();
        assert_eq!(left, told_at);
        assert_eq!(trial.head(id).await.fence, left);
        assert_eq!(
            messages.last().map(|message| message.seq),
            Some(left),
            "nothing stands behind it"
        );
        let acknowledged = outcomes.iter().filter(|outcome| **outcome != Outcome::Outdated);
        assert_eq!(
            messages.len(),
            acknowledged.count() + 2,
            "acknowledged is stored, and outdated is not"
        );
    }
}

/// Checks that one outcome is a commit and all others are duplicates of its message. Returns the message.
async fn one_and_duplicates(
    outcomes: impl Future<Output = Vec<Outcome>>,
    trial: &Trial,
    id: ConversationId,
) -> Message {
    let outcomes = outcomes.await;
    let (first, rest): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .partition(|outcome| matches!(outcome, Outcome::Committed(_)));
    assert_eq!(first.len(), 1, "{first:?}");
    let stored = trial.message(id, committed(first[0].clone()).seq.0).await;
    assert!(rest.into_iter().all(|outcome| duplicate(outcome) == stored));
    stored
}

//! Commits of many changes: their order, their independence, and system messages among them.

use super::Trial;
use super::fixtures::{edited, system, text, user_id};
use super::steps::{append, creation, duplicate, position, revise, seqs, update_group};
use crate::domain::id::{Rev, Seq};
use crate::domain::message::{Message, SystemEvent};
use crate::ports::Outcome;

pub async fn a_batch_is_carried_out_in_order(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let first = trial.store(append(text(id, 1, ana), Seq::ZERO)).await;
    let second = trial.store(append(text(id, 2, ana), Seq::ZERO)).await;
    let outcomes = trial.commit(vec![
        append(text(id, 3, ana), Seq::ZERO),
        revise(edited(&second, "second", 9), Seq::ZERO),
        revise(edited(&first, "first", 9), Seq::ZERO),
        append(text(id, 4, ana), Seq::ZERO),
        append(text(id, 5, ana), Seq::ZERO),
    ]);
    let expected = [
        position(3, 3, 3),
        position(2, 4, 2),
        position(1, 5, 1),
        position(4, 6, 4),
        position(5, 7, 5),
    ];
    assert_eq!(outcomes.await, expected);
    trial.audit(id).await;
    assert_eq!(seqs(&trial.changes(id, 0).await), [3, 2, 1, 4, 5]);
}

pub async fn a_batch_may_revise_what_it_appended(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let coming = Message {
        seq: Seq(2),
        rev: Rev(2),
        ..text(id, 2, ana)
    };
    let outcomes = trial.commit(vec![
        append(text(id, 1, ana), Seq::ZERO),
        append(text(id, 2, ana), Seq::ZERO),
        revise(edited(&coming, "edited", 9), Seq::ZERO),
        append(text(id, 3, ana), Seq::ZERO),
    ]);
    assert_eq!(
        outcomes.await,
        [
            position(1, 1, 1),
            position(2, 2, 2),
            position(2, 3, 2),
            position(3, 4, 3)
        ]
    );
    assert_eq!(trial.audit(id).await[1].body(), "edited");
}

pub async fn a_batch_serves_many_conversations_each_in_order(trial: Trial) {
    let users: Vec<_> = (1..=6).map(user_id).collect();
    let mut ids = Vec::new();
    for user in &users[1..] {
        ids.push(trial.direct(users[0], *user).await);
    }
    // More than most databases take in one command, so that a store has to split the batch.
    let changes = (0..1_500).map(|n: u64| append(text(ids[scramble(n)], n, users[0]), Seq::ZERO));
    let outcomes = trial.commit(changes.collect()).await;
    let mut lengths = [0; 5];
    for (n, outcome) in (0..).zip(outcomes) {
        let length = &mut lengths[scramble(n)];
        *length += 1;
        assert_eq!(outcome, position(*length, *length, *length));
    }
    for (place, id) in ids.iter().enumerate() {
        let messages = trial.audit(*id).await;
        let expected: Vec<_> = (0..1_500)
            .filter(|n| scramble(*n) == place)
            .map(|n| format!("message {n}"))
            .collect();
        assert_eq!(messages.iter().map(Message::body).collect::<Vec<_>>(), expected);
    }
    assert_eq!(trial.commit(Vec::new()).await, []);
}

pub async fn a_system_message_outdates_later_changes_of_its_batch(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    let other = trial.direct(ana, ben).await;
    let message = trial.store(append(text(id, 2, ana), Seq(1))).await;
    let event = SystemEvent::TitleChanged {
        title: "Title".to_owned(),
    };
    let outcomes = trial.commit(vec![
        append(text(id, 3, ana), Seq(1)),
        update_group(&[], system(id, 4, ana, event.clone()), Seq(1)),
        append(text(id, 5, ana), Seq(1)),
        append(text(other, 1, ana), Seq::ZERO),
        revise(edited(&message, "edited", 9), Seq(1)),
        update_group(&[], system(id, 6, ana, event), Seq(1)),
        append(text(id, 3, ana), Seq(1)),
    ]);
    let outcomes = outcomes.await;
    let expected = [
        position(3, 3, 2),
        position(4, 4, 2),
        Outcome::Outdated,
        position(1, 1, 1),
        Outcome::Outdated,
        Outcome::Outdated,
    ];
    assert_eq!(outcomes[..6], expected);
    assert_eq!(duplicate(outcomes[6].clone()).seq, Seq(3));
    trial.audit(id).await;
}

pub async fn a_change_that_fails_leaves_the_others_of_its_batch(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let (one, two) = (trial.direct(ana, ben).await, trial.group(1, &[ana, ben]).await);
    let kept = trial.store(append(text(two, 2, ana), Seq(1))).await;
    let stale = Message {
        rev: Rev(1),
        ..edited(&kept, "stale", 9)
    };
    let mut changes = Vec::new();
    for n in 0..50 {
        changes.push(append(text(one, 10 + n, ana), Seq::ZERO));
        changes.push(append(text(one, 1_000 + n, ana), Seq(5)));
        changes.push(append(text(two, 10 + n, ana), Seq(1)));
        changes.push(append(text(two, 2, ana), Seq(1)));
        changes.push(revise(stale.clone(), Seq(1)));
        changes.push(creation(1, &[ben]));
    }
    let outcomes = trial.commit(changes).await;
    for (n, outcomes) in (0..).zip(outcomes.chunks(6)) {
        assert_eq!(outcomes[0], position(n + 1, n + 1, n + 1));
        assert_eq!(outcomes[1], Outcome::Outdated);
        assert_eq!(outcomes[2], position(n + 3, n + 3, n + 2));
        assert_eq!(duplicate(outcomes[3].clone()), kept);
        assert_eq!(outcomes[4], Outcome::Outdated);
        assert!(matches!(outcomes[5], Outcome::Exists(_)));
    }
    assert_eq!(trial.audit(one).await.len(), 50);
    assert_eq!(trial.audit(two).await.len(), 52);
}

/// Maps numbers to five places in an irregular order, so that a store can't pass by handling one conversation after
/// another.
fn scramble(n: u64) -> usize {
    usize::try_from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33).expect("31 bits fit") % 5
}

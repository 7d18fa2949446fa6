//! Reads during concurrent writes, through one instance and through two.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Trial;
use super::fixtures::{text, user_id};
use super::steps::{ALL, append, at_once, revs, seqs};
use crate::domain::id::{Rev, Seq};
use crate::domain::member::MemberChange;
use crate::domain::role::Role;
use crate::ports::Range;

pub async fn readers_never_see_a_gap(trial: Trial) {
    let another = trial.another().await;
    let id = trial.direct(user_id(1), user_id(2)).await;
    let done = Arc::new(AtomicBool::new(false));
    let reading = [trial.clone(), another.clone(), trial.clone()].map(|trial| {
        let done = Arc::clone(&done);
        async move {
            let mut known = 0;
            loop {
                let last_look = done.load(Ordering::Acquire);
                let changes = trial.messages().changes(id, ALL, Rev(known), 20).await.unwrap();
                let expected: Vec<_> = (known + 1..).take(changes.len()).collect();
                assert_eq!(revs(&changes), expected, "what is only appended changes without a hole");
                known += changes.len() as u64;
                let newest = trial.messages().history(id, ALL, Range::Newest, 20).await.unwrap();
                let top = newest.first().map_or(0, |message| message.seq.0);
                assert!(top >= known.min(top), "history does not fall behind");
                assert_eq!(seqs(&newest), (1..=top).rev().take(20).collect::<Vec<_>>());
                let head = trial.head(id).await;
                assert!(head.seq.0 >= top, "the head is no older than what was read before");
                assert_eq!((head.seq.0, head.ordinal), (head.rev.0, head.seq.0));
                if last_look && changes.is_empty() {
                    return known;
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let writing = at_once((0..6).map(|task| {
        let trial = if task % 2 == 0 { trial.clone() } else { another.clone() };
        async move {
            for round in 0..15 {
                let batch = (0..4).map(|n| append(text(id, 1_000 * task + 10 * round + n, user_id(1)), Seq::ZERO));
                trial.commit(batch.collect()).await;
            }
        }
    }));
    let stop = async {
        writing.await;
        done.store(true, Ordering::Release);
    };
    let (known, ()) = tokio::join!(at_once(reading), stop);
    assert_eq!(known, [360, 360, 360], "every reader ends with everything");
    trial.audit(id).await;
}

pub async fn a_roster_is_never_older_than_its_fence(trial: Trial) {
    let another = trial.another().await;
    let id = trial.group(1, &[user_id(0)]).await;
    let done = Arc::new(AtomicBool::new(false));
    let reading = [trial.clone(), another.clone()].map(|trial| {
        let done = Arc::clone(&done);
        async move {
            while !done.load(Ordering::Acquire) {
                let roster = trial.roster(id).await;
                // The message at seq n + 1 has added user n.
                for n in 0..roster.fence.0 {
                    assert!(
                        roster.member(user_id(n)).is_some(),
                        "user {n} under fence {}",
                        roster.fence
                    );
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let writing = async {
        for n in 1..=40 {
            let writer = if n % 2 == 0 { &trial } else { &another };
            writer
                .tell(id, n + 1, &[MemberChange::Joined(user_id(n), Role::Member)], n)
                .await;
        }
        done.store(true, Ordering::Release);
    };
    tokio::join!(at_once(reading), writing);
    assert_eq!(trial.roster(id).await.members.len(), 41);
}

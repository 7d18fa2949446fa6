//! Queues of one conversation, and how long the sequencer tries.

use std::collections::HashMap;
use std::time::Duration;

use super::conversation_queue::{ChangeState, ConversationQueue, KnownHead};
use super::fixtures::{append, conversation_id, head, message_id, note, revise, text};
use super::pending_change::{CommandKind, PendingChange};
use super::{
    Isolation, MAX_COMMAND_DOCUMENTS, Recalled, Refusal, RefusalCause, Reply, Request, Sequencer, WriteResult,
};
use crate::adapters::mongodb::topology::Topology;
use crate::domain::conversation::Head;
use crate::domain::id::{Rev, Seq};
use crate::domain::message::Message;
use crate::domain::timestamp::Timestamp;
use crate::ports::{Change, Outcome, RepositoryError};

fn add(fence: u64) -> Change {
    append(text(conversation_id(1), 2), fence)
}

fn edit(rev: u64, fence: u64) -> Change {
    let message = Message {
        rev: Rev(rev),
        ..text(conversation_id(1), 2)
    };
    revise(&message, 3, fence)
}

fn announce(fence: u64) -> Change {
    note(conversation_id(1), 2, fence)
}

fn queue(head: KnownHead, changes: impl IntoIterator<Item = Change>) -> ConversationQueue {
    let mut queue = ConversationQueue::new(conversation_id(1), head, Isolation::None, Duration::ZERO);
    queue.changes.extend(
        changes
            .into_iter()
            .enumerate()
            .map(|(n, change)| PendingChange::new(n, change)),
    );
    queue
}

#[test]
fn next_changes_take_consecutive_numbers_up_to_a_change_under_another_fence() {
    let queue = queue(
        KnownHead::At(head(4, 9, 3, 1)),
        [add(1), add(1), announce(1), add(1), add(6)],
    );
    let next: Vec<_> = queue.next(CommandKind::Insert).map(|(_, head)| head).collect();
    let next: Vec<_> = next
        .into_iter()
        .map(|head| Head {
            sent_at: Timestamp::default(),
            ..head
        })
        .collect();
    assert_eq!(next, [head(5, 10, 4, 1), head(6, 11, 5, 1), head(7, 12, 5, 7)]);
}

#[test]
fn a_command_ends_before_a_change_of_another_kind() {
    let queue = queue(KnownHead::At(head(4, 9, 3, 1)), [add(1), edit(2, 1), add(1)]);
    assert_eq!(queue.next(CommandKind::Insert).count(), 1);
    assert_eq!(queue.next(CommandKind::Update).count(), 0);
}

#[test]
fn nothing_is_offered_without_a_known_head() {
    for known in [KnownHead::Unknown, KnownHead::Missing] {
        assert_eq!(queue(known, [add(0)]).next(CommandKind::Insert).count(), 0);
    }
}

#[test]
fn a_revision_newer_than_the_known_head_is_not_offered() {
    let queue = queue(KnownHead::At(head(4, 9, 3, 1)), [edit(10, 1)]);
    assert_eq!(queue.next(CommandKind::Update).count(), 0);
    assert!(queue.is_behind());
}

#[test]
fn a_revision_of_a_message_that_was_not_stored_is_outdated() {
    let mut queue = queue(KnownHead::At(head(4, 9, 3, 1)), [edit(9, 1), add(1)]);
    assert_eq!(queue.next(CommandKind::Update).count(), 1);
    queue.not_placed(message_id(2));
    assert_eq!(queue.next(CommandKind::Update).count(), 0);
    let states: Vec<_> = queue.states().collect();
    assert_eq!(states, [ChangeState::Outdated, ChangeState::Ready]);
}

#[test]
fn a_change_behind_a_system_message_is_not_judged_before_it() {
    let outdated = |known, changes: Vec<Change>| queue(known, changes).outdated().collect::<Vec<_>>();
    let at = KnownHead::At(head(4, 9, 3, 1));
    assert_eq!(outdated(at, vec![add(0), add(1), add(0)]), [true, false, true]);
    assert_eq!(outdated(at, vec![announce(0), add(0)]), [true, true]);
    assert_eq!(outdated(at, vec![announce(1), add(0)]), [false, false]);
    assert_eq!(outdated(at, vec![add(1), add(2), add(0)]), [false; 3]);
    assert_eq!(outdated(at, vec![add(2)]), [true], "that was read anew");
    assert_eq!(outdated(KnownHead::Missing, vec![add(0), announce(0)]), [true, true]);
    assert_eq!(outdated(KnownHead::Unknown, vec![add(0)]), [false]);
}

const HEAD: Head = head(4, 9, 3, 1);

/// Commits one append to a conversation whose head is [`HEAD`], with a database that answers every write in the same
/// way and shows nothing new, until the change is settled. Returns the outcome, its time, and the number of searches for
/// abandoned transactions.
fn settle(mut write: impl FnMut() -> WriteResult) -> (Result<Outcome, RepositoryError>, Duration, usize) {
    let recalled = |_| Recalled {
        head: Some(HEAD),
        is_isolated: false,
    };
    let (topology, documents) = (Topology::ReplicaSet, MAX_COMMAND_DOCUMENTS);
    let mut now = Duration::ZERO;
    let mut sequencer = Sequencer::new(vec![add(1)], topology, documents, recalled, now);
    let mut searches = 0;
    loop {
        let requests = sequencer.poll(now);
        let is_idle = requests.is_empty();
        for (id, request) in requests {
            let reply = match request {
                Request::ReadHeads(ids) => {
                    assert_eq!(ids, [conversation_id(1)]);
                    Reply::Heads(Ok(HashMap::from([(conversation_id(1), HEAD)])))
                }
                Request::LookUp { .. } => Reply::Found(Ok(super::Found::default())),
                Request::Insert { .. } => Reply::Write {
                    sent: 1,
                    result: write(),
                },
                Request::EndAbandonedTransactions => {
                    searches += 1;
                    Reply::Ended
                }
                request => panic!("an append needs no {request:?}"),
            };
            sequencer.handle(id, reply, now);
        }
        if let Some((0, outcome)) = sequencer.next_settled() {
            assert!(sequencer.is_done() && sequencer.next_settled().is_none());
            return (outcome, now, searches);
        }
        if is_idle {
            let deadline = sequencer.deadline().expect("something is going to happen");
            assert!(deadline > now);
            now = deadline;
        }
    }
}

fn refused(cause: RefusalCause) -> WriteResult {
    WriteResult::Answered {
        done: 0,
        refusal: Some(Refusal { index: 0, cause }),
    }
}

#[test]
fn a_number_or_id_taken_by_what_is_not_readable_is_waited_for_5_s() {
    for cause in [RefusalCause::NumberTaken, RefusalCause::IdTaken] {
        let (outcome, at, _) = settle(|| refused(cause.clone()));
        assert!(matches!(outcome, Err(RepositoryError::Unavailable(_))), "{outcome:?}");
        assert!((5_000..5_300).contains(&at.as_millis()), "{at:?}");
    }
}

#[test]
fn a_change_is_tried_for_15_s_and_abandoned_transactions_are_ended_meanwhile() {
    let locked = || refused(RefusalCause::Conflict("locked".to_owned()));
    let (outcome, at, searches) = settle(locked);
    let Err(RepositoryError::Unavailable(cause)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(cause.to_string(), "locked");
    assert!((15_000..15_300).contains(&at.as_millis()), "{at:?}");
    assert!((6..=8).contains(&searches), "every 2 s: {searches}");

    let (outcome, at, _) = settle(|| WriteResult::Unknown("silence".to_owned()));
    assert!(matches!(outcome, Err(RepositoryError::Unavailable(_))), "{outcome:?}");
    assert!((15_000..15_300).contains(&at.as_millis()), "{at:?}");
}

#[test]
fn a_change_goes_out_again_after_an_unknown_result_and_after_a_conflict() {
    let mut answers = vec![
        WriteResult::Answered { done: 1, refusal: None },
        refused(RefusalCause::Conflict("locked".to_owned())),
        WriteResult::Interrupted("slow".to_owned()),
        WriteResult::Unknown("silence".to_owned()),
    ];
    let (outcome, at, searches) = settle(|| answers.pop().expect("the last one settles it"));
    assert!(matches!(outcome, Ok(Outcome::Committed(position)) if (position.seq, position.rev) == (Seq(5), Rev(10))));
    assert!(at < Duration::from_millis(20), "{at:?}");
    assert_eq!(searches, 0);
}

#[test]
fn a_command_that_the_server_rejects_fails_for_good() {
    let (outcome, at, _) = settle(|| WriteResult::Rejected("not authorised".to_owned()));
    assert!(matches!(outcome, Err(RepositoryError::Internal(_))), "{outcome:?}");
    assert_eq!(at, Duration::ZERO);
}

#[test]
fn a_reply_that_does_not_count_every_document_is_a_doubt() {
    let mut answers = vec![
        WriteResult::Answered { done: 1, refusal: None },
        WriteResult::Answered { done: 0, refusal: None },
    ];
    let (outcome, ..) = settle(|| answers.pop().expect("the last one settles it"));
    assert!(matches!(outcome, Ok(Outcome::Committed(_))), "{outcome:?}");
}

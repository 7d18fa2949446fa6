//! Checks of outcomes and of what is stored.

use super::super::fixtures::conversation_id;
use super::database::{Database, Documents};
use super::workload::Decided;
use crate::domain::conversation::Head;
use crate::domain::id::{Rev, Seq};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Change, Outcome, RepositoryError};

/// Checks an outcome at the time at which it is returned: what is committed is durable, visible, and where it is said
/// to be.
pub(super) fn check_outcome(decided: &Decided, outcome: &Result<Outcome, RepositoryError>, stored: &Documents) {
    let message = decided.change.message();
    let found = stored.messages.get(&(message.conversation_id, message.id));
    match outcome {
        Ok(Outcome::Committed(position)) => {
            let found = found.expect("a committed message is stored");
            assert_eq!(found.message.seq, position.seq);
            assert_eq!(found.message.ordinal, position.ordinal);
            assert_eq!(found.message.sent_at, position.sent_at);
            assert!(found.revs.contains(&position.rev), "{position:?} of {:?}", found.revs);
            for first in decided.change.preceding() {
                assert!(stored.messages.contains_key(&(first.conversation_id, first.id)));
            }
        }
        Ok(Outcome::Duplicate(duplicate)) => {
            let found = &stored.messages[&(duplicate.conversation_id, duplicate.id)];
            // One's own message is a duplicate if others have revised it before it was looked up.
            assert!(
                !decided.is_unique || found.revs.len() > 1,
                "nobody else has sent {message:?}"
            );
        }
        Ok(Outcome::Exists(conversation)) => assert!(stored.conversations.contains_key(&conversation.id)),
        Ok(Outcome::Outdated) | Err(RepositoryError::Unavailable(_)) => {}
        Err(error @ RepositoryError::Internal(_)) => panic!("nothing fails for good: {error:?}"),
    }
}

/// Checks an outcome against what is stored in the end: what is committed is there once, and what is refused is not.
pub(super) fn check_in_the_end(decided: &Decided, outcome: &Result<Outcome, RepositoryError>, database: &Database) {
    let message = decided.change.message();
    let found = database.confirmed.messages.get(&(message.conversation_id, message.id));
    let is_stored = match &decided.change {
        // One's own revision is outdated if others have revised the message again before it was looked up.
        Change::Revise { .. } => found.is_some_and(|found| found.message.body() == message.body()),
        _ => found.is_some(),
    };
    match outcome {
        Ok(Outcome::Committed(_)) => {
            assert!(found.is_some());
            let times = database.texts.get(message.body()).copied().unwrap_or_default();
            assert!(!message.is_from_user() || times == 1, "{times} times: {message:?}");
        }
        Ok(Outcome::Outdated | Outcome::Exists(_)) if decided.is_unique => {
            assert!(!is_stored, "refused, yet stored: {message:?}");
        }
        _ => {}
    }
}

/// Checks the numbers of all conversations: without a gap, each used once. No time is before the one of an earlier
/// message.
pub(super) fn check_numbers(conversations: u64, stored: &Documents) {
    for id in (0..conversations).map(conversation_id) {
        let mut messages: Vec<_> = stored.of(id).collect();
        messages.sort_unstable_by_key(|stored| stored.message.seq);
        let (mut ordinal, mut fence, mut sent_at) = (0, Seq::ZERO, Timestamp::default());
        for (seq, stored) in (1..).zip(&messages) {
            let message = &stored.message;
            ordinal += u64::from(message.is_from_user());
            if !message.is_from_user() {
                fence = message.seq;
            }
            assert_eq!((message.seq, message.ordinal), (Seq(seq), ordinal));
            assert_eq!(stored.revs.last(), Some(&message.rev));
            assert!(
                message.sent_at >= sent_at,
                "dated before the message before it: {message:?}"
            );
            sent_at = message.sent_at;
        }
        let mut revs: Vec<_> = messages.iter().flat_map(|stored| stored.revs.iter().copied()).collect();
        revs.sort_unstable();
        let rev = Rev(revs.len() as u64);
        assert!(
            revs.iter().copied().eq((1..=rev.0).map(Rev)),
            "numbers of changes: {revs:?}"
        );
        let seq = Seq(messages.len() as u64);
        let head = Head {
            seq,
            rev,
            ordinal,
            fence,
            sent_at,
        };
        assert_eq!(stored.head(id).unwrap_or_default(), head);
    }
}

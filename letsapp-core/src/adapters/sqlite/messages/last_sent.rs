//! Newest messages of users in conversations, kept in memory: each receipt asks for that of its reader, and a reading
//! connection would read the pages anew after every commit.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::sent::Sent;
use crate::domain::cache::Cache;
use crate::domain::id::{ConversationId, Seq, UserId};

/// A user in a conversation.
pub(super) type Sender = (ConversationId, UserId);

/// Newest messages of the senders who wrote or were asked about most recently. Exact, because nobody else writes to the
/// file.
pub(in crate::adapters::sqlite) struct LastSent(Mutex<State>);

struct State {
    /// Zero for a user who has sent none.
    newest: Cache<Sender, Seq>,
    /// Number of entries that commits have made.
    noted: u64,
}

/// Newest messages of some senders, as far as they are known.
pub(super) struct Known {
    pub(super) newest: Vec<(Sender, Seq)>,
    /// Senders whose messages are to be read from the file.
    pub(super) missing: Vec<Sender>,
    /// Time of the answer, in commits.
    noted: u64,
}

/// Capacity of each generation of the cache; it holds at most twice as many, at 60 bytes each.
const SENDERS: usize = 16 * 1024;

impl LastSent {
    pub(in crate::adapters::sqlite) fn new() -> Self {
        Self(Mutex::new(State {
            newest: Cache::new(SENDERS),
            noted: 0,
        }))
    }

    /// Returns the newest messages that are known, without senders who have sent none.
    pub(super) fn of(&self, senders: &[Sender]) -> Known {
        let mut state = self.lock();
        let (mut newest, mut missing) = (Vec::with_capacity(senders.len()), Vec::new());
        for sender in senders {
            match state.newest.lookup(sender) {
                Some(Seq::ZERO) => {}
                Some(seq) => newest.push((*sender, seq)),
                None => missing.push(*sender),
            }
        }
        Known {
            newest,
            missing,
            noted: state.noted,
        }
    }

    /// Keeps what was read from the file of the missing senders, unless a commit was later.
    pub(super) fn learn(&self, known: &Known, read: &[(Sender, Seq)]) {
        let mut state = self.lock();
        // As long as no more were noted since than one generation holds, all of those are still there.
        if state.noted - known.noted > SENDERS as u64 {
            return;
        }
        let read: HashMap<_, _> = read.iter().copied().collect();
        for sender in &known.missing {
            if state.newest.lookup(sender).is_none() {
                let seq = read.get(sender).copied().unwrap_or(Seq::ZERO);
                state.newest.insert(*sender, seq);
            }
        }
    }

    /// Notes what a transaction has committed, in the order of sending.
    pub(in crate::adapters::sqlite) fn committed(&self, sent: &[Sent]) {
        if sent.is_empty() {
            return;
        }
        let mut state = self.lock();
        for sent in sent {
            state.newest.insert((sent.conversation_id, sent.sender_id), sent.seq);
        }
        state.noted += sent.len() as u64;
    }

    /// Forgets everything: rows were removed, or it is unknown whether a transaction was committed.
    pub(in crate::adapters::sqlite) fn forget(&self) {
        let mut state = self.lock();
        state.newest = Cache::new(SENDERS);
        // What is being read may be outdated.
        state.noted += SENDERS as u64 + 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(n: u64) -> Sender {
        let bytes = u128::from(n).to_be_bytes();
        (ConversationId::from_bytes(bytes), UserId::from_bytes(bytes))
    }

    fn sent(n: u64, seq: u64) -> Sent {
        let (conversation_id, sender_id) = sender(n);
        Sent {
            conversation_id,
            sender_id,
            seq: Seq(seq),
        }
    }

    fn newest(last_sent: &LastSent, n: u64) -> Option<Option<u64>> {
        let known = last_sent.of(&[sender(n)]);
        known
            .missing
            .is_empty()
            .then(|| known.newest.first().map(|(_, seq)| seq.0))
    }

    #[test]
    fn what_was_read_is_known_from_then_on() {
        let last_sent = LastSent::new();
        let known = last_sent.of(&[sender(1), sender(2)]);
        assert_eq!(known.missing, [sender(1), sender(2)]);
        last_sent.learn(&known, &[(sender(1), Seq(7))]);
        assert_eq!(newest(&last_sent, 1), Some(Some(7)));
        assert_eq!(newest(&last_sent, 2), Some(None), "has sent none");
        assert_eq!(newest(&last_sent, 3), None);
        last_sent.committed(&[sent(1, 8), sent(2, 9), sent(1, 10)]);
        assert_eq!(newest(&last_sent, 1), Some(Some(10)));
        assert_eq!(newest(&last_sent, 2), Some(Some(9)));
        last_sent.forget();
        assert_eq!(newest(&last_sent, 1), None);
    }

    #[test]
    fn what_was_read_before_a_commit_does_not_replace_it() {
        let last_sent = LastSent::new();
        let known = last_sent.of(&[sender(1)]);
        last_sent.committed(&[sent(1, 8)]);
        last_sent.learn(&known, &[(sender(1), Seq(7))]);
        assert_eq!(newest(&last_sent, 1), Some(Some(8)));
    }

    #[test]
    fn what_was_read_before_many_commits_is_not_kept() {
        let last_sent = LastSent::new();
        let known = last_sent.of(&[sender(1)]);
        last_sent.committed(&[sent(1, 8)]);
        for n in 0..3 * SENDERS as u64 {
            last_sent.committed(&[sent(2 + n, 1)]);
        }
        assert_eq!(newest(&last_sent, 1), None, "it made room");
        last_sent.learn(&known, &[(sender(1), Seq(7))]);
        assert_eq!(newest(&last_sent, 1), None);
        let known = last_sent.of(&[sender(1)]);
        last_sent.forget();
        last_sent.learn(&known, &[(sender(1), Seq(7))]);
        assert_eq!(newest(&last_sent, 1), None, "the rows may be gone");
    }
}

//! Sequencer of a batch of changes: a state machine that gives each change its numbers, with unique indexes as the
//! judge between servers. Does no input or output and reads no clock: [`poll`](Sequencer::poll) returns the requests to
//! the database, and [`handle`](Sequencer::handle) takes their replies. Times are counted from the beginning of the
//! commit.
//!
//! Each conversation has a queue of its own, and goes from request to request on its own. Requests of many
//! conversations that are due at the same time go out as one: new messages in one ordered `insert`, revisions in one
//! ordered `update`. Each change of a group is a transaction. All of them take the numbers behind the newest known
//! head. If another server has taken these numbers, the index refuses them, and the ordered command stops there. The
//! changes before it are committed; the head is read again, and the rest goes out again, in the same order. So no
//! change overtakes another, and no number is left out.
//!
//! A command without a reply may have been carried out. Its documents are looked up, and offered again as long as they
//! are not found. They keep their `_id`s, so that none is stored twice.
//!
//! A command that takes long is interrupted, because it may wait for a single conversation. What it has done is looked
//! up, and the conversations without an outcome go [alone](Isolation) until they move.

mod conversation_queue;
#[cfg(test)]
pub(super) mod fixtures;
mod lookup;
mod pending_change;
mod planning;
mod reply;
mod request;
mod results;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod write_replies;

use std::collections::HashMap;
use std::time::Duration;

use self::conversation_queue::{Activity, ConversationQueue, KnownHead};
use self::pending_change::PendingChange;
pub(crate) use self::reply::{Found, ReadError, Refusal, RefusalCause, Reply, WriteResult};
pub(crate) use self::request::{Isolation, NewMessage, Request, RequestId, Revision};
pub(crate) use self::results::Learned;
use self::results::Results;
use self::write_replies::{Offer, conclude};
use crate::adapters::mongodb::topology::Topology;
use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;
use crate::ports::{Change, RepositoryError, Settled};

/// Maximum number of documents per command. A larger command saves little, and delays the outcome of all its changes.
pub(crate) const MAX_COMMAND_DOCUMENTS: usize = 512;
/// Number of documents that a command may have however slow the database is.
const MIN_COMMAND_DOCUMENTS: usize = 32;
/// Duration of a command that allows the next ones to be larger.
const QUICK_COMMAND: Duration = Duration::from_millis(50);
/// Maximum number of conversations that are merely suspected. The one that holds up an ordered command is the first
/// without an outcome; those far behind are hardly suspicious. Bounds the number of single commands when the whole
/// database is slow.
const MAX_SUSPECTS: usize = 64;
/// Time without progress before abandoned transactions are looked for, and between two looks. Ordinary conflicts pass
/// sooner, and a look costs the database an aggregation over all its sessions.
const ABANDONED_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// A batch of changes under way.
pub(crate) struct Sequencer {
    topology: Topology,
    /// Queues by ascending id.
    queues: Vec<ConversationQueue>,
    in_flight: HashMap<RequestId, InFlight>,
    next_request: u64,
    /// Maximum number of documents per command at present, up to [`MAX_COMMAND_DOCUMENTS`].
    command_documents: usize,
    /// Time before which abandoned transactions are not looked for again.
    next_abandoned_check: Duration,
    results: Results,
}

/// Knowledge of a conversation at the beginning of a commit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recalled {
    /// Newest known head.
    pub(crate) head: Option<Head>,
    /// Whether it has been isolated and has not moved since.
    pub(crate) is_isolated: bool,
}

/// A request without a reply.
enum InFlight {
    /// Heads of the conversations of these queues.
    Heads(Vec<usize>),
    /// Lookup for these queues.
    LookUp(Vec<usize>),
    /// A command or a transaction.
    Write {
        kind: WriteKind,
        offers: Vec<Offer>,
        sent_at: Duration,
    },
    /// Search for abandoned transactions.
    AbandonedTransactions,
}

/// Kind of a write, each of which has its own limit of writes under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteKind {
    /// A command of conversations with this isolation.
    Command(Isolation),
    /// A transaction.
    Transaction,
}

impl Sequencer {
    /// Sorts the changes into one queue per conversation. `recall` returns what earlier commits learned about it, and
    /// `command_documents` is the [size](Self::command_documents) that they ended with.
    pub(crate) fn new(
        changes: Vec<Change>,
        topology: Topology,
        command_documents: usize,
        mut recall: impl FnMut(ConversationId) -> Recalled,
        now: Duration,
    ) -> Self {
        let open = changes.len();
        let mut queues: Vec<ConversationQueue> = Vec::new();
        let mut by_id: HashMap<ConversationId, usize> = HashMap::new();
        for (index, change) in changes.into_iter().enumerate() {
            let id = change.message().conversation_id;
            let queue = *by_id.entry(id).or_insert_with(|| {
                let Recalled { head, is_isolated } = recall(id);
                let isolation = if is_isolated {
                    Isolation::Suspected
                } else {
                    Isolation::None
                };
                let head = head.map_or(KnownHead::Unknown, KnownHead::At);
                queues.push(ConversationQueue::new(id, head, isolation, now));
                queues.len() - 1
            });
            queues[queue].changes.push_back(PendingChange::new(index, change));
        }
        // All servers go through conversations in the same order. Where the batches of two servers meet, one is ahead
        // in all conversations that follow, and the other is refused at the first instead of at every second one.
        queues.sort_unstable_by_key(|queue| queue.id);
        Self {
            topology,
            queues,
            in_flight: HashMap::new(),
            next_request: 0,
            command_documents: command_documents.clamp(MIN_COMMAND_DOCUMENTS, MAX_COMMAND_DOCUMENTS),
            next_abandoned_check: now,
            results: Results {
                open,
                ..Results::default()
            },
        }
    }

    /// Returns the requests that are due, and settles the changes that have been tried for too long. To be called at the
    /// beginning, after each reply, and at the [`deadline`](Self::deadline).
    pub(crate) fn poll(&mut self, now: Duration) -> Vec<(RequestId, Request)> {
        for queue in &mut self.queues {
            if queue.activity != Activity::Busy
                && let Some(cause) = queue.exhausted(now)
            {
                queue.give_up(|| RepositoryError::unavailable(cause.clone()), &mut self.results);
            }
        }
        self.plan(now)
    }

    /// Takes the reply to a request.
    ///
    /// # Panics
    /// Panics if the reply is of another kind than the request.
    pub(crate) fn handle(&mut self, id: RequestId, reply: Reply, now: Duration) {
        let Some(request) = self.in_flight.remove(&id) else {
            return;
        };
        match (request, reply) {
            (InFlight::Heads(queues), Reply::Heads(read)) => match read {
                Ok(heads) => {
                    for queue in queues {
                        let queue = &mut self.queues[queue];
                        queue.activity = Activity::Idle;
                        queue.read_head(heads.get(&queue.id).copied(), now, &mut self.results);
                    }
                }
                Err(error) => self.fail(queues, &error, now),
            },
            (InFlight::LookUp(queues), Reply::Found(read)) => match read {
                Ok(found) => self.apply(queues, &found, now),
                Err(error) => self.fail(queues, &error, now),
            },
            (InFlight::Write { kind, offers, sent_at }, Reply::Write { sent, result }) => {
                for offer in &offers {
                    let queue = &mut self.queues[offer.queue];
                    queue.activity = Activity::Idle;
                    queue.is_looked_up = false;
                }
                let sent = &offers[..sent.min(offers.len())];
                self.grow(kind, &result, now.saturating_sub(sent_at));
                conclude(&mut self.queues, sent, result, now, &mut self.results);
            }
            (InFlight::AbandonedTransactions, Reply::Ended) => {}
            (_, reply) => unreachable!("the driver replies in kind, but sent {reply:?}"),
        }
    }

    /// Returns the time of the next [`poll`](Self::poll) if no reply comes first; `None` if there is none.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let paused = self.queues.iter().filter_map(|queue| match queue.activity {
            Activity::Paused(until) if !queue.changes.is_empty() => Some(until),
            _ => None,
        });
        paused.chain(self.abandoned_check()).min()
    }

    /// Takes the next outcome, with the index of its change.
    pub(crate) fn next_settled(&mut self) -> Option<Settled> {
        self.results.settled.pop_front()
    }

    /// Tells whether [`next_settled`](Self::next_settled) has an outcome.
    pub(crate) fn has_settled(&self) -> bool {
        !self.results.settled.is_empty()
    }

    /// Takes the knowledge that holds beyond the commit.
    pub(crate) fn take_learned(&mut self) -> impl Iterator<Item = Learned> {
        self.results.learned.drain(..)
    }

    /// Tells whether every change has an outcome.
    pub(crate) const fn is_done(&self) -> bool {
        self.results.open == 0
    }

    /// Returns the maximum number of documents per command at present. Falls when the database is too slow for as many,
    /// and recovers with it.
    pub(crate) const fn command_documents(&self) -> usize {
        self.command_documents
    }

    /// Applies a lookup to queues.
    fn apply(&mut self, queues: Vec<usize>, found: &Found, now: Duration) {
        let is_suspect = |queue: &&ConversationQueue| queue.isolation == Isolation::Suspected;
        let mut suspects = self.queues.iter().filter(is_suspect).count();
        let mut is_too_large = false;
        for queue in queues {
            let queue = &mut self.queues[queue];
            queue.activity = Activity::Idle;
            queue.apply(found, now, &mut self.results);
            let was_interrupted = std::mem::take(&mut queue.was_interrupted);
            if queue.changes.is_empty() {
                queue.rejoin(&mut self.results);
            } else if was_interrupted {
                is_too_large |= queue.isolation == Isolation::None;
                if queue.isolation != Isolation::None || suspects < MAX_SUSPECTS {
                    suspects += 1;
                    queue.isolate(&mut self.results);
                }
            }
        }
        // Something held the command up, or it was too much for its time limit. Not if it was done and only waited for a
        // majority: a smaller one would wait as long.
        if is_too_large {
            self.command_documents = (self.command_documents / 2).max(MIN_COMMAND_DOCUMENTS);
        }
    }

    /// Applies the failure of a read to queues.
    fn fail(&mut self, queues: Vec<usize>, error: &ReadError, now: Duration) {
        for queue in queues {
            let queue = &mut self.queues[queue];
            queue.activity = Activity::Idle;
            match error {
                ReadError::Unavailable(cause) => queue.fail(cause, now),
                ReadError::Failed(cause) => {
                    queue.give_up(|| RepositoryError::internal(cause.clone()), &mut self.results);
                }
            }
        }
    }

    /// Allows larger commands after one that was quick.
    fn grow(&mut self, kind: WriteKind, result: &WriteResult, took: Duration) {
        let is_quick = matches!(result, WriteResult::Answered { .. }) && took < QUICK_COMMAND;
        if is_quick && kind == WriteKind::Command(Isolation::None) {
            self.command_documents = (self.command_documents * 2).min(MAX_COMMAND_DOCUMENTS);
        }
    }

    /// Returns the time at which abandoned transactions are to be looked for; `None` if that is under way or nothing
    /// waits.
    fn abandoned_check(&self) -> Option<Duration> {
        let is_under_way = |request: &InFlight| matches!(request, InFlight::AbandonedTransactions);
        if self.in_flight.values().any(is_under_way) {
            return None;
        }
        let stalled = self.queues.iter().filter_map(ConversationQueue::stalled_since).min()?;
        Some((stalled + ABANDONED_CHECK_INTERVAL).max(self.next_abandoned_check))
    }
}

//! The way of requests to the database and of replies back, with everything that can happen to them.

use std::time::Duration;

use super::super::reply::{ReadError, Refusal, RefusalCause, Reply, WriteResult};
use super::super::request::{Isolation, Request, RequestId};
use super::{Event, Simulation};
use crate::adapters::mongodb::retry;
use crate::adapters::mongodb::topology::Topology;
use crate::domain::id::ConversationId;

/// Percentages and times of what goes wrong.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    /// Requests that never arrive.
    pub(super) lost_requests: u64,
    /// Writes that are carried out, but whose reply is lost.
    pub(super) lost_replies: u64,
    /// Writes that arrive up to 600 ms late.
    pub(super) late_requests: u64,
    /// Reads that fail.
    pub(super) failed_reads: u64,
    /// Inserts of which only the first documents are sent.
    pub(super) large_commands: u64,
    /// Longest time until a majority has a write, in microseconds.
    pub(super) lag: u64,
    /// Time until which no write is carried out.
    pub(super) stalled_until: Duration,
}

/// A request at the database.
pub(super) struct Running {
    commit: usize,
    id: RequestId,
    request: Request,
    /// Number of changes carried out, and of those sent.
    done: usize,
    sent: usize,
    /// Time at which the server gives up; `None` until it arrives.
    limit: Option<Duration>,
    term: Option<u64>,
    is_reply_lost: bool,
}

/// A write that waits for a majority.
pub(super) struct Waiter {
    commit: usize,
    id: RequestId,
    sent: usize,
    result: WriteResult,
    position: usize,
}

impl Request {
    /// Returns the conversation of the n-th change of a write; `None` behind the last, or for a read.
    fn conversation(&self, n: usize) -> Option<ConversationId> {
        match self {
            Self::Insert { messages, .. } => Some(messages.get(n)?.message.conversation_id),
            Self::Update { revisions, .. } => Some(revisions.get(n)?.message.conversation_id),
            Self::Transaction { change, .. } => (n == 0).then_some(change.message().conversation_id),
            Self::ReadHeads(_) | Self::LookUp { .. } | Self::EndAbandonedTransactions => None,
        }
    }

    const fn isolation(&self) -> Option<Isolation> {
        match self {
            Self::Insert { isolation, .. } | Self::Update { isolation, .. } => Some(*isolation),
            _ => None,
        }
    }

    /// Returns the times after which the server and the client give up.
    const fn limits(&self) -> (Duration, Duration) {
        match self.isolation() {
            Some(isolation) => (isolation.server_limit(), isolation.client_limit()),
            None => (retry::STEP_TIMEOUT, retry::STEP_TIMEOUT),
        }
    }

    /// Returns the reply of the driver when none came from the server.
    fn silence(&self, sent: usize) -> Reply {
        let cause = "the server did not answer in time".to_owned();
        match self {
            Self::ReadHeads(_) => Reply::Heads(Err(ReadError::Unavailable(cause))),
            Self::LookUp { .. } => Reply::Found(Err(ReadError::Unavailable(cause))),
            Self::Insert { .. } | Self::Update { .. } => Reply::Write {
                sent,
                result: WriteResult::Interrupted(cause),
            },
            Self::Transaction { .. } => Reply::Write {
                sent,
                result: WriteResult::Unknown(cause),
            },
            Self::EndAbandonedTransactions => Reply::Ended,
        }
    }
}

impl Simulation {
    pub(super) fn send(&mut self, commit: usize, id: RequestId, request: Request) {
        let faults = self.faults;
        let all = (0..).take_while(|n| request.conversation(*n).is_some()).count();
        if request.isolation().is_some() {
            self.writes += 1;
            self.largest = self.largest.max(all);
            let first = request.conversation(0);
            let is_mixed = (1..all).any(|n| request.conversation(n) != first);
            assert!(
                !is_mixed || self.topology == Topology::ReplicaSet,
                "a shard for each command"
            );
            self.under_way.insert((commit, id));
            self.most_writes = self.most_writes.max(self.under_way.len());
        }
        let mut sent = all;
        if matches!(request, Request::Insert { .. }) && self.random.chance(faults.large_commands) {
            sent = 1 + usize::try_from(self.random.below(all as u64)).expect("it is small");
        }
        let (_, patience) = request.limits();
        let silence = request.silence(sent);
        self.schedule(patience, Event::Reply(commit, id, silence));
        if self.random.chance(faults.lost_requests) {
            // The connection may break at once.
            if self.random.chance(50) {
                let broken = match request.silence(sent) {
                    Reply::Write { sent, .. } => Reply::Write {
                        sent,
                        result: WriteResult::Unknown("the connection broke".to_owned()),
                    },
                    read => read,
                };
                let after = self.random.micros(100, 2_000);
                self.schedule(after, Event::Reply(commit, id, broken));
            }
            return;
        }
        let is_late = all > 0 && self.random.chance(faults.late_requests);
        let way = if is_late {
            self.random.micros(10_000, 600_000)
        } else {
            self.random.micros(100, 1_000)
        };
        let is_reply_lost = all > 0 && self.random.chance(faults.lost_replies);
        let running = Running {
            commit,
            id,
            request,
            done: 0,
            sent,
            limit: None,
            term: None,
            is_reply_lost,
        };
        self.schedule(way, Event::Arrive(Box::new(running)));
    }

    /// Carries out a request, or goes on with one that was blocked.
    pub(super) fn arrive(&mut self, mut running: Running) {
        let term = *running.term.get_or_insert(self.database.term);
        let limit = *running.limit.get_or_insert(self.now + running.request.limits().0);
        let (commit, id, sent) = (running.commit, running.id, running.sent);
        if term != self.database.term || self.now < self.elected_at {
            let reply = match running.request.silence(sent) {
                Reply::Write { sent, .. } => Reply::Write {
                    sent,
                    result: WriteResult::Unknown("there is no primary".to_owned()),
                },
                read => read,
            };
            return self.reply(commit, id, reply);
        }
        match &running.request {
            Request::ReadHeads(ids) => {
                let head = |id: &ConversationId| Some((*id, self.database.confirmed.head(*id)?));
                let heads = ids.iter().filter_map(head).collect();
                let reply = self.read(Reply::Heads(Ok(heads)), &running.request);
                self.reply(commit, id, reply);
            }
            Request::LookUp {
                messages,
                conversations,
            } => {
                let found = self.database.confirmed.find(messages, conversations);
                let reply = self.read(Reply::Found(Ok(found)), &running.request);
                self.reply(commit, id, reply);
            }
            Request::EndAbandonedTransactions => self.reply(commit, id, Reply::Ended),
            Request::Insert { .. } | Request::Update { .. } | Request::Transaction { .. } => {
                self.write(running, limit);
            }
        }
    }

    /// Lets a read fail now and then.
    fn read(&mut self, reply: Reply, request: &Request) -> Reply {
        if self.random.chance(self.faults.failed_reads) {
            request.silence(0)
        } else {
            reply
        }
    }

    /// Carries out the changes of a write in order, up to the first that is refused or blocked.
    fn write(&mut self, mut running: Running, limit: Duration) {
        let before = self.database.position();
        while running.done < running.sent {
            let conversation = running.request.conversation(running.done).expect("it was sent");
            let free_at = self.locks.get(&conversation).copied().unwrap_or_default();
            let free_at = free_at.max(self.faults.stalled_until);
            if self.now < free_at {
                if matches!(running.request, Request::Transaction { .. }) {
                    let cause = RefusalCause::Conflict("another transaction".to_owned());
                    return self.answer(running, Some(cause));
                }
                if free_at < limit {
                    self.replicate(before);
                    let wait = free_at - self.now;
                    return self.schedule(wait, Event::Arrive(Box::new(running)));
                }
                self.replicate(before);
                let (commit, id, sent) = (running.commit, running.id, running.sent);
                let wait = limit.saturating_sub(self.now);
                let interrupted = WriteResult::Interrupted("the time limit was reached".to_owned());
                let reply = Reply::Write {
                    sent,
                    result: interrupted,
                };
                return self.schedule(wait, Event::Reply(commit, id, reply));
            }
            let carried_out = match &running.request {
                Request::Insert { messages, .. } => self.database.insert(&messages[running.done]),
                Request::Update { revisions, .. } => self.database.update(&revisions[running.done]),
                Request::Transaction { change, before } => self.database.transact(change, *before),
                _ => unreachable!("reads write nothing"),
            };
            if let Err(cause) = carried_out {
                self.replicate(before);
                return self.answer(running, Some(cause));
            }
            running.done += 1;
        }
        self.replicate(before);
        self.answer(running, None);
    }

    /// Lets a majority have what was written behind a position of the log, after a while.
    fn replicate(&mut self, behind: usize) {
        let (term, position) = (self.database.term, self.database.position());
        if position > behind {
            let lag = self.random.micros(200, self.faults.lag.max(200));
            self.schedule(lag, Event::Confirm { term, position });
        }
    }

    /// Answers a write once a majority has everything that it depends on.
    fn answer(&mut self, running: Running, refused: Option<RefusalCause>) {
        let Running {
            commit,
            id,
            sent,
            done,
            limit,
            is_reply_lost,
            ..
        } = running;
        if is_reply_lost {
            let result = WriteResult::Unknown("the connection broke".to_owned());
            return self.reply(commit, id, Reply::Write { sent, result });
        }
        let refusal = refused.map(|cause| Refusal { index: done, cause });
        self.waiters.push(Waiter {
            commit,
            id,
            sent,
            result: WriteResult::Answered { done, refusal },
            position: self.database.position(),
        });
        let limit = limit.expect("it has arrived").saturating_sub(self.now);
        self.schedule(limit, Event::Expire(commit, id));
        self.confirm(self.database.term, self.database.majority);
    }

    pub(super) fn confirm(&mut self, term: u64, position: usize) {
        if term != self.database.term {
            return;
        }
        self.database.confirm(position);
        let majority = self.database.majority;
        let (ready, waiting) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(|waiter| waiter.position <= majority);
        self.waiters = waiting;
        let ready: Vec<Waiter> = ready;
        for waiter in ready {
            let (sent, result) = (waiter.sent, waiter.result);
            self.reply(waiter.commit, waiter.id, Reply::Write { sent, result });
        }
    }

    /// Interrupts a write that waits for a majority.
    pub(super) fn expire(&mut self, commit: usize, id: RequestId) {
        let is_it = |waiter: &Waiter| (waiter.commit, waiter.id) == (commit, id);
        if let Some(place) = self.waiters.iter().position(is_it) {
            let waiter = self.waiters.swap_remove(place);
            let result = WriteResult::Interrupted("no majority in time".to_owned());
            self.reply(
                commit,
                id,
                Reply::Write {
                    sent: waiter.sent,
                    result,
                },
            );
        }
    }

    /// Replaces the primary: what no majority has is lost, and whoever waits is cut off.
    pub(super) fn fail_over(&mut self) {
        self.database.fail_over();
        self.elected_at = self.now + self.random.micros(10_000, 3_000_000);
        for waiter in std::mem::take(&mut self.waiters) {
            let result = WriteResult::Unknown("the primary is gone".to_owned());
            self.reply(
                waiter.commit,
                waiter.id,
                Reply::Write {
                    sent: waiter.sent,
                    result,
                },
            );
        }
    }

    fn reply(&mut self, commit: usize, id: RequestId, reply: Reply) {
        let way = self.random.micros(100, 1_000);
        self.schedule(way, Event::Reply(commit, id, reply));
    }
}

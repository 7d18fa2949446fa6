//! Queue of one conversation's changes, with the knowledge of its head that the numbers of the next ones come from.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::pending_change::{CommandKind, PendingChange};
use super::request::Isolation;
use super::results::{Learned, Results};
use crate::adapters::mongodb::retry;
use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, MessageId};
use crate::domain::message::Position;
use crate::ports::{Change, RepositoryError};

/// First pause before an attempt is repeated, doubled with each attempt up to the longest. Most conflicts pass within a
/// millisecond or two.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// Longest pause: a compromise between load while there is no primary and delay once there is one.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Queue of a conversation's changes. Times are counted from the beginning of the commit.
pub(super) struct ConversationQueue {
    pub(super) id: ConversationId,
    pub(super) head: KnownHead,
    /// Changes that are not settled, in order of the batch.
    pub(super) changes: VecDeque<PendingChange>,
    pub(super) activity: Activity,
    pub(super) isolation: Isolation,
    /// Whether its last command was interrupted, so that it is suspected unless a lookup settles all of its changes.
    pub(super) was_interrupted: bool,
    /// Whether the open changes have been looked up since they were last offered.
    pub(super) is_looked_up: bool,
    /// Whether the head was read after the last command.
    head_is_fresh: bool,
    /// Head whose next numbers were refused as taken; `None` once the head has been read again.
    overtaken_at: Option<Head>,
    /// Time at which to give up waiting for a document that holds its numbers or ids but is not visible yet; `None`
    /// while there is none.
    visible_by: Option<Duration>,
    /// Time at which the last change was settled.
    settled_at: Duration,
    /// Time at which the conversation last moved, by this server or another one.
    moved_at: Duration,
    next_pause: Duration,
    /// Text of the last error, reported for the changes that are given up.
    cause: Option<String>,
}

/// Knowledge of a conversation's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnownHead {
    /// Not known; to be read.
    Unknown,
    /// Newest known head. Another server may have moved it since.
    At(Head),
    /// The conversation does not exist.
    Missing,
}

/// Activity of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Ready for its next request.
    Idle,
    /// Waits for the reply to a request.
    Busy,
    /// Waits until this time before the next attempt.
    Paused(Duration),
}

/// Next step of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Waits until its head is read.
    Head,
    /// The first changes have to be looked up.
    LookUp,
    /// The first changes can be offered.
    Command(CommandKind),
}

/// State of a change before it is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeState {
    /// Can be offered.
    Ready,
    /// Was refused, or may have been carried out.
    Open,
    /// Was decided under a fence that has moved, or from a message that was not stored.
    Outdated,
    /// Was computed from a state that is newer than the known head, or that never existed.
    Ahead,
}

impl ConversationQueue {
    /// Returns an empty queue.
    pub(super) const fn new(id: ConversationId, head: KnownHead, isolation: Isolation, now: Duration) -> Self {
        Self {
            id,
            head,
            changes: VecDeque::new(),
            activity: Activity::Idle,
            isolation,
            was_interrupted: false,
            is_looked_up: false,
            head_is_fresh: false,
            overtaken_at: None,
            visible_by: None,
            settled_at: now,
            moved_at: now,
            next_pause: FIRST_PAUSE,
            cause: None,
        }
    }

    /// Returns the next step; `None` while the queue is empty, busy or paused.
    pub(super) fn need(&self, now: Duration) -> Option<Need> {
        let next = self.changes.front()?;
        match self.activity {
            Activity::Busy => return None,
            Activity::Paused(until) if now < until => return None,
            Activity::Idle | Activity::Paused(_) => {}
        }
        if next.is_open() && !self.is_looked_up {
            return Some(Need::LookUp);
        }
        let unknown = self.head == KnownHead::Unknown || (self.is_behind() && !self.head_is_fresh);
        if unknown && next.fence().is_some() {
            return Some(Need::Head);
        }
        Some(match self.states().next() {
            Some(ChangeState::Outdated | ChangeState::Ahead) => Need::LookUp,
            _ => Need::Command(next.command_kind()),
        })
    }

    /// Returns the next changes that one command of this kind can carry out, each with the head after it. Ends before
    /// the first change of another kind, under another fence, or computed from a newer `rev` than the head's.
    pub(super) fn next(&self, kind: CommandKind) -> impl Iterator<Item = (&PendingChange, Head)> {
        let mut head = match self.head {
            KnownHead::At(head) => Some(head),
            KnownHead::Unknown | KnownHead::Missing => None,
        };
        self.changes.iter().map_while(move |pending| {
            let before = head?;
            if pending.is_baseless
                || pending.command_kind() != kind
                || pending.fence().is_some_and(|fence| fence != before.fence)
                || pending.base() > before.rev
            {
                return None;
            }
            let after = pending.after(before);
            head = Some(after);
            Some((pending, after))
        })
    }

    /// Returns the state of each change, in order.
    pub(super) fn states(&self) -> impl Iterator<Item = ChangeState> {
        let ahead = self.is_behind();
        let changes = self.changes.iter().zip(self.outdated()).enumerate();
        changes.map(move |(place, (pending, outdated))| match pending {
            pending if outdated || pending.is_baseless => ChangeState::Outdated,
            _ if ahead && place == 0 => ChangeState::Ahead,
            pending if pending.is_open() => ChangeState::Open,
            _ => ChangeState::Ready,
        })
    }

    /// Tells, for each change, whether it was decided under a fence that has moved.
    pub(super) fn outdated(&self) -> impl Iterator<Item = bool> {
        // Behind a system message that is about to be carried out, the fence is not known yet.
        let mut known = true;
        self.changes
            .iter()
            .enumerate()
            .map(move |(place, pending)| match (self.head, pending.fence()) {
                (KnownHead::Missing, fence) => {
                    known &= fence.is_some();
                    known
                }
                // Decided under a newer fence than the known one. The head is read again only for the first change, so
                // this one is judged when it comes first.
                (KnownHead::At(head), Some(fence)) if place > 0 && fence > head.fence => {
                    known = false;
                    false
                }
                (KnownHead::At(head), Some(fence)) if known => {
                    known = fence != head.fence || !pending.moves_fence();
                    fence != head.fence
                }
                _ => {
                    known = false;
                    false
                }
            })
    }

    /// Tells whether the next change was decided under a newer fence, or computed from a newer `rev`, than the known
    /// head's.
    pub(super) fn is_behind(&self) -> bool {
        match (self.head, self.changes.front()) {
            (KnownHead::At(head), Some(next)) => next.fence() > Some(head.fence) || next.base() > head.rev,
            _ => false,
        }
    }

    /// Takes over a head that was just read.
    pub(super) fn read_head(&mut self, head: Option<Head>, now: Duration, results: &mut Results) {
        self.head = head.map_or(KnownHead::Missing, KnownHead::At);
        self.head_is_fresh = true;
        if let Some(head) = head.filter(|head| *head != Head::default()) {
            results.learn(Learned::Head(self.id, head));
        }
        match self.overtaken_at.take() {
            // The index has refused the numbers, yet the head is the same: the message that took them is not visible to
            // majority reads yet.
            Some(before) if self.head == KnownHead::At(before) => self.wait(now),
            Some(_) => self.moves(now),
            None => {}
        }
    }

    /// Settles the first change as committed, after a majority has acknowledged it. `head` is the head after it.
    pub(super) fn acknowledge(&mut self, head: Head, now: Duration, results: &mut Results) {
        let Some(pending) = self.changes.pop_front() else {
            return;
        };
        self.head = KnownHead::At(head);
        self.head_is_fresh = false;
        let position = pending.position(head);
        self.place(pending.change.message().id, position);
        self.settled(now);
        results.learn(Learned::Head(self.id, head));
        results.settle(pending.index, Ok(crate::ports::Outcome::Committed(position)));
    }

    /// Notes that the known head was overtaken: the next numbers are taken.
    pub(super) fn overtaken(&mut self, results: &mut Results) {
        if let KnownHead::At(head) = self.head {
            self.overtaken_at = Some(head);
        }
        self.forget_head(results);
    }

    /// Forgets the head, so that it is read before the next command.
    pub(super) fn forget_head(&mut self, results: &mut Results) {
        self.head = KnownHead::Unknown;
        results.learn(Learned::HeadLost(self.id));
    }

    /// Notes that a change was settled.
    pub(super) fn settled(&mut self, now: Duration) {
        self.settled_at = now;
        self.moves(now);
    }

    /// Notes that the conversation has moved: waits begin anew.
    fn moves(&mut self, now: Duration) {
        self.moved_at = now;
        self.visible_by = None;
        self.next_pause = FIRST_PAUSE;
    }

    /// Lets the conversation share commands again, after the server has answered one for it.
    pub(super) fn rejoin(&mut self, results: &mut Results) {
        if self.isolation != Isolation::None {
            self.isolation = Isolation::None;
            results.learn(Learned::Rejoined(self.id));
        }
    }

    /// Lets the conversation go alone from now on, and with more patience if it did so already.
    pub(super) fn isolate(&mut self, results: &mut Results) {
        self.isolation = match self.isolation {
            Isolation::None => {
                results.learn(Learned::Isolated(self.id));
                Isolation::Suspected
            }
            Isolation::Suspected | Isolation::Stuck => Isolation::Stuck,
        };
    }

    /// Begins to wait for a document that is not visible yet, unless that has begun.
    pub(super) fn wait(&mut self, now: Duration) {
        self.visible_by.get_or_insert(now + retry::VISIBILITY_TIMEOUT);
        self.pause(now);
    }

    /// Pauses before the next attempt.
    pub(super) fn pause(&mut self, now: Duration) {
        self.activity = Activity::Paused(now + self.next_pause);
        self.next_pause = (self.next_pause * 2).min(LONGEST_PAUSE);
    }

    /// Pauses after an error.
    pub(super) fn fail(&mut self, cause: &str, now: Duration) {
        self.cause = Some(cause.to_owned());
        self.pause(now);
    }

    /// Gives the ordinal and the time of a committed message to its revisions in the queue. A revision may have been
    /// computed before its message was stored, without an ordinal.
    pub(super) fn place(&mut self, id: MessageId, position: Position) {
        for pending in &mut self.changes {
            if let Change::Revise { message, .. } = &mut pending.change
                && message.id == id
                && message.seq == position.seq
            {
                let message = Arc::make_mut(message);
                message.ordinal = position.ordinal;
                message.sent_at = position.sent_at;
            }
        }
    }

    /// Notes that a message was not stored by this commit. Its revisions in the queue were computed from what it would
    /// have been. Another server may have stored it there, with an ordinal and a date that they do not have.
    pub(super) fn not_placed(&mut self, id: MessageId) {
        for pending in &mut self.changes {
            pending.is_baseless |= matches!(pending.change, Change::Revise { .. }) && pending.change.message().id == id;
        }
    }

    /// Returns the error to report if the queue has made no progress for too long.
    pub(super) fn exhausted(&self, now: Duration) -> Option<String> {
        if self.visible_by.is_some_and(|by| now >= by) {
            let cause = "another server has taken its number or id, but the result is not readable yet";
            return Some(cause.to_owned());
        }
        let is_late = now >= self.settled_at + retry::COMMIT_TIMEOUT;
        is_late.then(|| self.cause.clone().unwrap_or_else(|| "it took too long".to_owned()))
    }

    /// Settles all changes with an error.
    pub(super) fn give_up(&mut self, error: impl Fn() -> RepositoryError, results: &mut Results) {
        for pending in self.changes.drain(..) {
            results.settle(pending.index, Err(error()));
        }
    }

    /// Returns the time since which the conversation has not moved; `None` if nothing waits for that.
    pub(super) fn stalled_since(&self) -> Option<Duration> {
        (!self.changes.is_empty()).then_some(self.moved_at)
    }
}

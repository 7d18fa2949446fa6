//! Lookups of changes that were refused, are outdated, or may have been carried out, to find out what became of them.

use std::time::Duration;

use super::conversation_queue::{ChangeState, ConversationQueue, KnownHead};
use super::pending_change::{PendingChange, Refused};
use super::reply::Found;
use super::results::Results;
use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, MessageId};
use crate::domain::message::{Message, Position};
use crate::ports::{Change, Outcome, RepositoryError};

/// Consequence of a lookup for a change.
enum Verdict {
    /// The change is settled with this outcome.
    Settled(Result<Outcome, RepositoryError>),
    /// The change is offered again.
    Open,
    /// The change waits: a document that is not visible yet holds its id.
    Waits,
}

/// Ids of the documents to look up.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) messages: Vec<(ConversationId, MessageId)>,
    pub(super) conversations: Vec<ConversationId>,
}

impl Wanted {
    /// Adds the documents of a queue's first changes, up to the first that can be offered. A change behind that one has
    /// to wait for it, so that looking it up now would be too early.
    pub(super) fn add(&mut self, queue: &ConversationQueue) {
        let states = queue.states().take_while(|state| *state != ChangeState::Ready);
        for (pending, _) in queue.changes.iter().zip(states) {
            match &pending.change {
                Change::Create { .. } => self.conversations.push(queue.id),
                change => {
                    let messages = change.preceding().iter().chain([change.message()]);
                    self.messages.extend(messages.map(|message| key(message)));
                }
            }
        }
    }

    /// Returns the number of documents.
    pub(super) const fn len(&self) -> usize {
        self.messages.len() + self.conversations.len()
    }
}

impl ConversationQueue {
    /// Applies a lookup: settles the first changes, up to the first whose outcome is still open. The outcome of the
    /// ones behind may depend on it.
    pub(super) fn apply(&mut self, found: &Found, now: Duration, results: &mut Results) {
        self.is_looked_up = true;
        let states: Vec<_> = self.states().take_while(|state| *state != ChangeState::Ready).collect();
        for state in states {
            let Some(pending) = self.changes.front_mut() else {
                return;
            };
            let verdict = verdict(pending, state, found);
            pending.refused = None;
            match verdict {
                Verdict::Settled(outcome) => {
                    let (index, id) = (pending.index, pending.change.message().id);
                    let is_new = !matches!(pending.change, Change::Revise { .. });
                    self.changes.pop_front();
                    match &outcome {
                        Ok(Outcome::Committed(position)) => self.place(id, *position),
                        // Another server may have stored it where this one foresaw it.
                        Ok(Outcome::Duplicate(found)) => self.place(id, place(found)),
                        _ if is_new => self.not_placed(id),
                        _ => {}
                    }
                    // The conversation is further than the known head, which is therefore read again.
                    if matches!(outcome, Ok(Outcome::Exists(_) | Outcome::Committed(_))) {
                        self.head = KnownHead::Unknown;
                    }
                    self.settled(now);
                    results.settle(index, outcome);
                }
                Verdict::Open => {
                    if state == ChangeState::Ahead {
                        self.head = KnownHead::Unknown;
                        self.pause(now);
                    }
                    return;
                }
                Verdict::Waits => {
                    self.wait(now);
                    return;
                }
            }
        }
    }
}

/// Works out the consequence for a change. A stored document that equals the change, under a number that was offered
/// without a reply, proves that the change was carried out.
fn verdict(pending: &PendingChange, state: ChangeState, found: &Found) -> Verdict {
    let message = pending.change.message();
    let there = |message: &Message| found.messages.get(&key(message));
    let preceding = pending.change.preceding();
    let stored = there(message).or_else(|| preceding.iter().find_map(|message| there(message)));
    let settled = |outcome| Verdict::Settled(Ok(outcome));
    match (&pending.change, stored) {
        (Change::Create { conversation, .. }, _) => match found.conversations.get(&message.conversation_id) {
            Some(found) if !pending.doubts.is_empty() && found == &**conversation => {
                settled(Outcome::Committed(pending.position(pending.after(Head::default()))))
            }
            Some(found) => settled(Outcome::Exists(Box::new(found.clone()))),
            None => pending.unsettled(),
        },
        (Change::Revise { .. }, None) => settled(Outcome::Outdated),
        (Change::Revise { .. }, Some(found)) if (found.seq, found.rev) != (message.seq, message.rev) => {
            if pending.made(found) {
                settled(Outcome::Committed(place(found)))
            } else {
                settled(Outcome::Outdated)
            }
        }
        (Change::Append { .. } | Change::UpdateGroup { .. }, Some(found)) => {
            if pending.made(found) {
                settled(Outcome::Committed(place(found)))
            } else {
                settled(Outcome::Duplicate(Box::new(found.clone())))
            }
        }
        _ if state == ChangeState::Outdated => settled(Outcome::Outdated),
        _ => pending.unsettled(),
    }
}

impl PendingChange {
    /// Tells whether this change made the stored message: it has a position that was offered without a reply, and is
    /// otherwise equal. The time in it tells one attempt of a request from another, by another server.
    fn made(&self, found: &Message) -> bool {
        self.doubts.contains(&place(found)) && *found == Message::clone(self.change.message()).at(place(found))
    }

    /// Works out the consequence for a change that was not found.
    fn unsettled(&self) -> Verdict {
        match &self.refused {
            Some(Refused::Invalid(cause)) => Verdict::Settled(Err(RepositoryError::internal(cause.clone()))),
            Some(Refused::Taken) => Verdict::Waits,
            None => Verdict::Open,
        }
    }
}

/// Returns the ids under which a message is found.
fn key(message: &Message) -> (ConversationId, MessageId) {
    (message.conversation_id, message.id)
}

/// Returns the position of a stored message.
const fn place(message: &Message) -> Position {
    Position {
        seq: message.seq,
        rev: message.rev,
        ordinal: message.ordinal,
        sent_at: message.sent_at,
    }
}

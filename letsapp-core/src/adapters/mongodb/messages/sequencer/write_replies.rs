//! Effects of the server's replies to writes: each change offered is settled, refused or in doubt.

use std::time::Duration;

use super::conversation_queue::{Activity, ConversationQueue, KnownHead};
use super::pending_change::{CommandKind, Refused};
use super::reply::{Refusal, RefusalCause, WriteResult};
use super::results::Results;
use crate::domain::conversation::Head;
use crate::ports::RepositoryError;

/// A change that a command carries.
#[derive(Clone, Copy)]
pub(super) struct Offer {
    /// Index of its queue.
    pub(super) queue: usize,
    /// Head of the conversation after the change.
    pub(super) head: Head,
}

/// Knowledge about a command that got no usable reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// The time limit was reached.
    Interrupted,
    /// Any other reason.
    Unknown,
}

/// Applies the result of a command. `offers` are the changes that were sent, those of one queue behind each other, and
/// each the next of its queue.
pub(super) fn conclude(
    queues: &mut [ConversationQueue],
    offers: &[Offer],
    result: WriteResult,
    now: Duration,
    results: &mut Results,
) {
    match result {
        // The reply must count every document. If one were missing without an error, taking the ones behind it as
        // committed would leave a hole in the numbers, so any other count is a doubt.
        WriteResult::Answered { done, refusal } if refusal.is_some() || done == offers.len() => {
            let done = refusal.as_ref().map_or(done, |refusal| refusal.index.min(offers.len()));
            for offer in &offers[..done] {
                let queue = &mut queues[offer.queue];
                queue.rejoin(results);
                queue.acknowledge(offer.head, now, results);
            }
            if let Some(Refusal { cause, .. }) = refusal
                && let Some((offer, behind)) = offers[done..].split_first()
            {
                // Another server was faster here, and most likely in the conversations behind too, since all servers
                // take them in the same order. Reading all their heads at once saves a conflict for each.
                if matches!(cause, RefusalCause::NumberTaken) {
                    for behind in behind.iter().filter(|behind| behind.queue != offer.queue) {
                        queues[behind.queue].head = KnownHead::Unknown;
                    }
                }
                refuse(&mut queues[offer.queue], cause, now, results);
            }
        }
        WriteResult::Answered { .. } => {
            let cause = "the reply does not count every document";
            doubt(queues, offers, cause, Silence::Unknown, now, results);
        }
        WriteResult::Interrupted(cause) => doubt(queues, offers, &cause, Silence::Interrupted, now, results),
        WriteResult::Unknown(cause) => doubt(queues, offers, &cause, Silence::Unknown, now, results),
        WriteResult::Rejected(cause) => {
            for offer in offers {
                let cause = RefusalCause::Invalid(cause.clone());
                refuse(&mut queues[offer.queue], cause, now, results);
            }
        }
    }
}

/// Records the refusal of the next change of a queue. Only a permanent failure settles it at once; for the others the
/// next request finds out more.
fn refuse(queue: &mut ConversationQueue, cause: RefusalCause, now: Duration, results: &mut Results) {
    let Some(pending) = queue.changes.front_mut() else {
        return;
    };
    match cause {
        // The id exists already, or the revised message has another `rev` now: look it up.
        RefusalCause::IdTaken => {
            pending.refused = Some(Refused::Taken);
            queue.rejoin(results);
        }
        RefusalCause::NumberTaken => {
            queue.overtaken(results);
            queue.rejoin(results);
        }
        RefusalCause::Conflict(cause) => {
            queue.forget_head(results);
            queue.fail(&cause, now);
        }
        // A revision of a message that does not exist would be inserted incomplete, which the validator refuses.
        // Looking the message up tells this from a real error.
        RefusalCause::Invalid(cause) if pending.command_kind() == CommandKind::Update => {
            pending.refused = Some(Refused::Invalid(cause));
            queue.rejoin(results);
        }
        RefusalCause::Invalid(cause) => {
            let (index, id) = (pending.index, pending.change.message().id);
            queue.changes.pop_front();
            queue.not_placed(id);
            queue.settled(now);
            queue.rejoin(results);
            results.settle(index, Err(RepositoryError::internal(cause)));
        }
    }
}

/// Marks changes as possibly carried out. The next request of their queues looks them up.
fn doubt(
    queues: &mut [ConversationQueue],
    offers: &[Offer],
    cause: &str,
    silence: Silence,
    now: Duration,
    results: &mut Results,
) {
    for offers in offers.chunk_by(|a, b| a.queue == b.queue) {
        let queue = &mut queues[offers[0].queue];
        for (pending, offer) in queue.changes.iter_mut().zip(offers) {
            let offered = pending.position(offer.head);
            if !pending.doubts.contains(&offered) {
                pending.doubts.push(offered);
            }
        }
        queue.forget_head(results);
        queue.fail(cause, now);
        if silence == Silence::Interrupted {
            queue.was_interrupted = true;
            // Time enough has passed: what can be known is known now.
            queue.activity = Activity::Idle;
        }
    }
}

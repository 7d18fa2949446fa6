//! Effects of the server's replies on a batch: each change offered is settled, refused or in doubt.

use std::collections::HashMap;

use mongodb::error::Result as DriverResult;

use super::commit::{Commit, Offer};
use super::sequencing::{CommandKind, Line, Refused, Standing};
use crate::adapters::mongodb::error::{Fault, Key, Refusal, Reply, is_refusal};
use crate::domain::id::Rev;
use crate::ports::{Outcome, RepositoryError};

impl Commit<'_> {
    /// Applies the reply to one command. `offers` are the changes it carried, in its order.
    pub(super) fn conclude(&mut self, offers: &[Offer], answer: DriverResult<Reply>) {
        match answer {
            // The reply must count every document. If one were missing without an error, taking the ones behind it as
            // committed would leave a hole in the numbers, so any other count is a doubt.
            Ok(Reply {
                refusal,
                unconfirmed: None,
                done,
            }) if refusal.is_some() || done == offers.len() => {
                let done = refusal
                    .as_ref()
                    .map_or(offers.len(), |refusal| refusal.index.min(offers.len()));
                for offer in &offers[..done] {
                    self.acknowledge(offer);
                }
                if let Some(Refusal { index, fault }) = refusal
                    && let Some((offer, behind)) = offers.get(index..).and_then(<[_]>::split_first)
                {
                    // Another server was faster here, and most likely in the conversations behind too, since all
                    // servers take them in the same order. Reading all their heads at once saves a conflict for each.
                    if let Fault::Duplicate(Key::Field(_)) = fault {
                        for behind in behind.iter().filter(|behind| behind.line != offer.line) {
                            self.lines[behind.line].standing = Standing::Unknown;
                        }
                    }
                    self.refuse(offer, fault);
                }
            }
            Ok(Reply { unconfirmed, .. }) => self.doubt(offers, unconfirmed.unwrap_or_default()),
            Err(error) if !is_refusal(&error) => self.doubt(offers, error.to_string()),
            Err(error) => {
                for offer in offers {
                    self.refuse(offer, Fault::Lasting(error.to_string()));
                }
            }
        }
    }

    /// Settles the next change of a line as committed, after a majority has acknowledged it.
    pub(super) fn acknowledge(&mut self, offer: &Offer) {
        let line = &mut self.lines[offer.line];
        let Some(pending) = line.queue.pop_front() else { return };
        line.standing = Standing::At(offer.head);
        line.moves();
        self.heads.remember(line.id, offer.head);
        let position = pending.position(offer.head);
        line.place(pending.change.message().id, position);
        self.settle(pending.index, Ok(Outcome::Committed(position)));
    }

    /// Records the refusal of the next change of a line. Only a permanent failure settles it at once; for the
    /// others the next round finds out more.
    pub(super) fn refuse(&mut self, offer: &Offer, fault: Fault) {
        let line = &mut self.lines[offer.line];
        let Some(pending) = line.queue.front_mut() else { return };
        match fault {
            // The id exists already, or the revised message has another `rev` now: look it up.
            Fault::Duplicate(Key::Id) => pending.refused = Some(Refused::Taken),
            // The number is taken: read the head again.
            Fault::Duplicate(Key::Field(_)) => {
                if let Standing::At(head) = line.standing {
                    line.overtaken_at = Some(head);
                }
                self.forget(offer.line);
            }
            Fault::Passing(cause) => {
                self.cause = cause;
                self.forget(offer.line);
            }
            // A revision of a message that does not exist would be inserted incomplete, which the validator refuses.
            // Looking the message up tells this from a real error.
            Fault::Lasting(cause) if pending.command_kind() == CommandKind::Update => {
                pending.refused = Some(Refused::Invalid(cause));
            }
            Fault::Lasting(cause) => {
                if let Some(pending) = line.queue.pop_front() {
                    self.settle(pending.index, Err(RepositoryError::internal(cause)));
                }
            }
        }
    }

    /// Marks changes as possibly carried out. `offers` are the next changes of their lines. The next round looks
    /// them up.
    pub(super) fn doubt(&mut self, offers: &[Offer], cause: String) {
        let mut offered: HashMap<usize, Vec<Rev>> = HashMap::new();
        for offer in offers {
            offered.entry(offer.line).or_default().push(offer.head.rev);
        }
        // The command may have waited for a single conversation. From now on each gets its own command, so that the
        // others do not wait for it.
        self.apart = offered.len() > 1;
        for (line, revs) in offered {
            for (pending, rev) in self.lines[line].queue.iter_mut().zip(revs) {
                pending.doubts.push(rev);
            }
            self.forget(line);
        }
        self.cause = cause;
    }

    /// Forgets the head of a line, so that the next round reads it.
    pub(super) fn forget(&mut self, line: usize) {
        let line = &mut self.lines[line];
        line.standing = Standing::Unknown;
        self.heads.forget(line.id);
    }

    /// Stores the outcome of one change. `index` is its position in the batch.
    pub(super) fn settle(&mut self, index: usize, outcome: Result<Outcome, RepositoryError>) {
        self.outcomes[index] = Some(outcome);
        self.open -= 1;
    }

    /// Settles all open changes of the selected lines with an error.
    pub(super) fn give_up(&mut self, of: impl Fn(&Line) -> bool, error: impl Fn() -> RepositoryError) {
        let mut lost = Vec::new();
        for line in self.lines.iter_mut().filter(|line| of(line)) {
            lost.extend(line.queue.drain(..));
            line.moves();
        }
        for pending in lost {
            self.settle(pending.index, Err(error()));
        }
    }
}

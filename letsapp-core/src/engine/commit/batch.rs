//! The batch of one turn: its changes, and the submissions that wait for each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::{ConversationId, Seq};
use crate::domain::message::Message;
use crate::engine::commit::command::{Command, CommitReply, QueuedSubmission};
use crate::engine::commit::decide::{Decision, decide};
use crate::engine::commit::files::Files;
use crate::engine::error::ConversationError;
use crate::engine::rosters::{CachedRoster, Moment};
use crate::ports::{Change, TermsChange};

/// The changes to commit in one turn, and the submissions that can't be carried out in it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    /// The submissions that wait for the outcome of each change.
    pub(super) waiting: Vec<Waiting>,
    /// Answers that no commit checks against the store, although another server may have changed what they were decided
    /// from.
    pub(super) doubtful: Vec<Doubtful>,
    /// Submissions left for the next turn.
    pub(super) later: Vec<QueuedSubmission>,
    /// Index in `changes` of the revision of a message. Further submissions for the same message are merged into it.
    revisions: HashMap<(ConversationId, Seq), usize>,
    /// Conversations whose further submissions are left for the next turn: submissions for one conversation keep their
    /// order.
    held: HashSet<ConversationId>,
}

/// The submissions that wait for one change; mostly one.
pub(super) struct Waiting {
    pub(super) first: QueuedSubmission,
    /// Submissions that were merged into the same change.
    pub(super) merged: Vec<QueuedSubmission>,
}

/// An answer to a submission that holds only if its roster is still the newest.
pub(super) struct Doubtful {
    pub(super) submission: QueuedSubmission,
    pub(super) answer: Result<CommitReply, ConversationError>,
    pub(super) roster: Arc<CachedRoster>,
}

/// The data that submissions are decided from.
pub(super) struct Known {
    pub(super) rosters: HashMap<ConversationId, Arc<CachedRoster>>,
    pub(super) messages: HashMap<(ConversationId, Seq), Message>,
    /// The files that each actor may attach, of those that the submissions name.
    pub(super) files: Files,
    /// Moment at which this turn began to read; `None` if no other server writes to the store, so that a cached roster
    /// is never outdated.
    pub(super) since: Option<Moment>,
}

impl Known {
    /// Tells whether another server may have changed a roster since it was read.
    fn is_doubtful(&self, roster: &CachedRoster) -> bool {
        self.since.is_some_and(|since| !roster.is_newer(since))
    }
}

impl Batch {
    /// Allocates room for this many submissions at once: changes are large, and moving them while the vectors grow
    /// costs more than deciding them.
    pub(super) fn with_capacity(submissions: usize) -> Self {
        Self {
            changes: Vec::with_capacity(submissions),
            waiting: Vec::with_capacity(submissions),
            ..Self::default()
        }
    }

    /// Decides a submission, then answers it, adds its change to the batch or leaves it for the next turn.
    pub(super) fn add(&mut self, mut submission: QueuedSubmission, known: &Known, edit_window: Duration) {
        let id = submission.conversation_id;
        if self.held.contains(&id) {
            self.later.push(submission);
            return;
        }
        if matches!(submission.command, Command::Barrier) {
            return self.add_barrier(submission);
        }
        let roster = known.rosters.get(&id);
        let is_listed = roster.is_some_and(|roster| roster.member(submission.actor).is_some());
        if submission.command.needs_membership() && !is_listed && submission.attempts == 0 {
            // The membership ended after it was read: the next turn reads it again, and says how.
            submission.attempts += 1;
            return self.hold(submission);
        }
        let target = submission.command.target().map(|seq| (id, seq));
        let joined = match submission.command {
            // A reply only names its target and does not change it.
            Command::Send(..) => None,
            _ => target.and_then(|target| self.revisions.get(&target).copied()),
        };
        // Further changes of the same message build on the result of those in this batch.
        let present = match joined {
            Some(place) => Some(&**self.changes[place].message()),
            None => target.and_then(|target| known.messages.get(&target)),
        };
        let decision = decide(
            &submission,
            roster.map(AsRef::as_ref),
            present,
            &known.files,
            edit_window,
        );
        let answer = match (decision, joined) {
            (Ok(Decision::Commit(change)), _) => return self.push(change, submission),
            // The message may be in this state only because of a change in this batch: the answer waits for that
            // change.
            (Ok(Decision::Unchanged(_)), Some(place)) => return self.waiting[place].merged.push(submission),
            // A refusal could rest on a change in this batch that is not committed yet.
            (Err(_), Some(_)) => return self.hold(submission),
            (Ok(Decision::Unchanged(message)), None) => Ok(CommitReply::Unchanged(message)),
            (Ok(Decision::Nothing), _) => Ok(CommitReply::Nothing),
            (Err(refusal), None) => Err(refusal),
        };
        match roster.filter(|roster| known.is_doubtful(roster)) {
            None => submission.answer(answer),
            Some(roster) => {
                self.held.insert(id);
                self.doubtful.push(Doubtful {
                    submission,
                    answer,
                    roster: Arc::clone(roster),
                });
            }
        }
    }

    /// Answers a barrier, or leaves it for the next turn if this batch has a change of its conversation.
    fn add_barrier(&mut self, barrier: QueuedSubmission) {
        let id = barrier.conversation_id;
        if self.changes.iter().any(|change| change.message().conversation_id == id) {
            self.hold(barrier);
        } else {
            barrier.answer(Ok(CommitReply::Nothing));
        }
    }

    fn push(&mut self, change: Change, submission: QueuedSubmission) {
        if let Change::Revise { message, .. } = &change {
            let at = (submission.conversation_id, message.seq);
            if let Some(place) = self.revisions.get(&at).copied() {
                self.changes[place] = merge(&self.changes[place], change);
                self.waiting[place].merged.push(submission);
                return;
            }
            self.revisions.insert(at, self.changes.len());
        }
        self.changes.push(change);
        self.waiting.push(Waiting {
            first: submission,
            merged: Vec::new(),
        });
    }

    fn hold(&mut self, submission: QueuedSubmission) {
        self.held.insert(submission.conversation_id);
        self.later.push(submission);
    }
}

/// Merges two revisions of a message: the second was computed from the result of the first, so it replaces it. The
/// index entries are replaced if either revision needs it.
fn merge(first: &Change, second: Change) -> Change {
    match (first, second) {
        (
            Change::Revise {
                terms: TermsChange::Replace,
                ..
            },
            Change::Revise { message, fence, .. },
        ) => Change::Revise {
            message,
            terms: TermsChange::Replace,
            fence,
        },
        (_, second) => second,
    }
}

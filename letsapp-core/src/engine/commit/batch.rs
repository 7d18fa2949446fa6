//! The batch of one turn of a lane: its changes, and the submissions that wait for each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::{ConversationId, Seq};
use crate::domain::message::Message;
use crate::engine::commit::command::{Command, CommitReply, QueuedSubmission};
use crate::engine::commit::decide::{Decision, decide};
use crate::engine::rosters::{CachedRoster, Moment};
use crate::ports::{Change, TermsChange};

/// The changes to commit in one turn, and the submissions left for the next.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    pub(super) waiting: Vec<Waiting>,
    /// Submissions left for the next turn, in order.
    pub(super) later: Vec<QueuedSubmission>,
    /// Conversations whose rosters have to be read again before the next turn.
    pub(super) doubtful: Vec<ConversationId>,
    /// Index in `changes` of the revision of a message. Further submissions for the same message are merged into it.
    revisions: HashMap<(ConversationId, Seq), usize>,
    /// Conversations whose further submissions wait for the next turn: submissions for one conversation keep their
    /// order.
    held: HashSet<ConversationId>,
}

/// A submission that waits for the outcome of a change.
pub(super) struct Waiting {
    /// Index of the change in [`Batch::changes`].
    pub(super) place: usize,
    pub(super) submission: QueuedSubmission,
}

/// The data that submissions are decided from.
pub(super) struct Known {
    pub(super) rosters: HashMap<ConversationId, Arc<CachedRoster>>,
    pub(super) messages: HashMap<(ConversationId, Seq), Message>,
    /// Moment at which this turn began to read.
    pub(super) since: Moment,
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
    pub(super) fn add(&mut self, submission: QueuedSubmission, known: &Known, edit_window: Duration) {
        let id = submission.conversation_id;
        if self.held.contains(&id) {
            self.later.push(submission);
            return;
        }
        let roster = known.rosters.get(&id).map(AsRef::as_ref);
        let target = submission.command.target().map(|seq| (id, seq));
        let joined = match submission.command {
            // A reply only names its target and does not change it.
            Command::Send(_) => None,
            _ => target.and_then(|target| self.revisions.get(&target).copied()),
        };
        // Further changes of the same message build on the result of those in this batch.
        let present = match joined {
            Some(place) => Some(&**self.changes[place].message()),
            None => target.and_then(|target| known.messages.get(&target)),
        };
        let decision = decide(&submission, roster, present, edit_window);
        match (decision, joined) {
            (Ok(Decision::Commit(change)), _) => self.push(change, submission),
            // The message may be in this state only because of a change in this batch: the answer waits for that
            // change.
            (Ok(Decision::Unchanged(_)), Some(place)) => self.wait(place, submission),
            // A refusal could rest on a change in this batch that is not committed yet.
            (Err(_), Some(_)) => self.hold(submission),
            // No commit checks these answers against the store, so they need a roster that was read after this turn
            // began.
            _ if roster.is_some_and(|roster| !roster.is_newer(known.since)) => {
                self.doubtful.push(id);
                self.hold(submission);
            }
            (Ok(Decision::Unchanged(message)), None) => submission.answer(Ok(CommitReply::Unchanged(message))),
            (Ok(Decision::Nothing), _) => submission.answer(Ok(CommitReply::Nothing)),
            (Err(refusal), None) => submission.answer(Err(refusal)),
        }
    }

    fn push(&mut self, change: Change, submission: QueuedSubmission) {
        let id = submission.conversation_id;
        let place = match &change {
            Change::Create { .. } | Change::UpdateGroup { .. } => {
                self.held.insert(id);
                self.append(change)
            }
            Change::Append { .. } => self.append(change),
            Change::Revise { message, .. } => {
                let at = (id, message.seq);
                match self.revisions.get(&at) {
                    Some(place) => {
                        self.changes[*place] = merge(&self.changes[*place], change);
                        *place
                    }
                    None => {
                        let place = self.append(change);
                        self.revisions.insert(at, place);
                        place
                    }
                }
            }
        };
        self.wait(place, submission);
    }

    fn append(&mut self, change: Change) -> usize {
        self.changes.push(change);
        self.changes.len() - 1
    }

    fn wait(&mut self, place: usize, submission: QueuedSubmission) {
        self.waiting.push(Waiting { place, submission });
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

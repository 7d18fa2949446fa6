//! What one round of a lane commits, and who waits for which part of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::{ConversationId, Seq};
use crate::domain::message::Message;
use crate::engine::commit::command::{Command, CommitReply, QueuedSubmission};
use crate::engine::commit::decide::{Decision, decide};
use crate::engine::rosters::{CachedRoster, Moment};
use crate::ports::{Change, TermsChange};

/// What is to be committed in one round.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    pub(super) waiting: Vec<Waiting>,
    /// Submissions for the next round, in order.
    pub(super) later: Vec<QueuedSubmission>,
    /// Conversations whose rosters have to be read again before the next round.
    pub(super) doubtful: Vec<ConversationId>,
    /// Where the change of a message is that other submissions for the same message join.
    revisions: HashMap<(ConversationId, Seq), usize>,
    /// Conversations of which nothing more is decided in this round: submissions of one conversation keep their order.
    held: HashSet<ConversationId>,
}

/// A submission that waits for a change.
pub(super) struct Waiting {
    /// The change's place.
    pub(super) place: usize,
    pub(super) submission: QueuedSubmission,
}

/// What submissions are decided on.
pub(super) struct Known {
    pub(super) rosters: HashMap<ConversationId, Arc<CachedRoster>>,
    pub(super) messages: HashMap<(ConversationId, Seq), Message>,
    /// When this round began to read.
    pub(super) since: Moment,
}

impl Batch {
    /// Makes room for so many submissions: changes are large, and moving them as they become more costs more than deciding
    /// them.
    pub(super) fn with_capacity(submissions: usize) -> Self {
        Self {
            changes: Vec::with_capacity(submissions),
            waiting: Vec::with_capacity(submissions),
            ..Self::default()
        }
    }

    /// Decides a submission, and puts it where it belongs.
    pub(super) fn add(&mut self, submission: QueuedSubmission, known: &Known, edit_window: Duration) {
        let id = submission.conversation_id;
        if self.held.contains(&id) {
            self.later.push(submission);
            return;
        }
        let roster = known.rosters.get(&id).map(AsRef::as_ref);
        let target = submission.command.target().map(|seq| (id, seq));
        let joined = match submission.command {
            Command::Send(_) => None,
            _ => target.and_then(|target| self.revisions.get(&target).copied()),
        };
        let present = match joined {
            Some(place) => Some(&**self.changes[place].message()),
            None => target.and_then(|target| known.messages.get(&target)),
        };
        let decision = decide(&submission, roster, present, edit_window);
        match (decision, joined) {
            (Ok(Decision::Commit(change)), _) => self.push(change, submission),
            // What it is already, it may be by this round's commit: the answer waits for that.
            (Ok(Decision::Unchanged(_)), Some(place)) => self.wait(place, submission),
            // Nor is anything refused for what is not committed yet.
            (Err(_), Some(_)) => self.hold(submission),
            // No fence proves these right, so they take a roster that was read since they were asked.
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

/// Puts a second revision of a message, worked out from the first one's result, in the first one's place.
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

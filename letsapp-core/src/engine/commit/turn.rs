//! One turn of a lane: from the submissions that wait to their replies and events.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::conversation::Conversation;
use crate::domain::id::{Rev, Seq};
use crate::domain::message::{Message, Position};
use crate::engine::commit::batch::{Batch, Known, Waiting};
use crate::engine::commit::command::{Command, CommitReply, QueuedSubmission, Refusal};
use crate::engine::commit::publish::{Publication, Publisher, Update, UpdateKind};
use crate::engine::error::ConversationError;
use crate::engine::receipts::Receipts;
use crate::engine::rosters::Rosters;
use crate::ports::{Change, MessageRepository, Outcome, Payload as _, RepositoryError, Stopwatch};

/// What a lane works with.
pub(crate) struct Turn {
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) publisher: Publisher,
    pub(crate) edit_window: Duration,
}

/// How often a submission is decided anew because other servers changed what it was decided on.
const MAX_ATTEMPTS: u32 = 32;

impl Turn {
    /// Decides, commits, replies and publishes once; returns the submissions that have to be decided again, in order.
    pub(super) async fn round(&self, waiting: Vec<QueuedSubmission>) -> Vec<QueuedSubmission> {
        let known = match self.read(&waiting).await {
            Ok(known) => known,
            Err(error) => {
                waiting
                    .into_iter()
                    .for_each(|submission| submission.refuse(again(&error).into()));
                return Vec::new();
            }
        };
        let mut batch = Batch::with_capacity(waiting.len());
        for submission in waiting {
            batch.add(submission, &known, self.edit_window);
        }
        let Batch {
            changes,
            waiting,
            later,
            doubtful,
            ..
        } = batch;
        for id in doubtful {
            self.rosters.forget(id);
        }
        if changes.is_empty() {
            return later;
        }
        let drafts: Vec<Draft> = changes.iter().map(Draft::of).collect();
        metrics::histogram!("letsapp_lane_batch").record(u32::try_from(changes.len()).unwrap_or(u32::MAX));
        let stopwatch = Stopwatch::start();
        let outcomes = self.messages.commit(changes).await;
        metrics::histogram!("letsapp_commit_seconds").record(stopwatch.elapsed());
        let mut again = self.finish(&known, drafts, outcomes, waiting).await;
        again.extend(later);
        again
    }

    async fn read(&self, waiting: &[QueuedSubmission]) -> Result<Known, RepositoryError> {
        let since = self.rosters.now();
        let existing = waiting
            .iter()
            .filter(|submission| !matches!(submission.command, Command::Create { .. }));
        let rosters = self
            .rosters
            .load(existing.clone().map(|submission| submission.conversation_id))
            .await?;
        let mut targets: Vec<_> = existing
            .filter_map(|submission| {
                let seq = submission.command.target()?;
                let id = submission.conversation_id;
                let only_named = matches!(submission.command, Command::Send(_));
                let exists = only_named && rosters.get(&id).is_some_and(|known| known.has_reached(seq));
                (!exists).then_some((id, seq))
            })
            .collect();
        let mut messages = HashMap::new();
        if !targets.is_empty() {
            targets.sort_unstable();
            targets.dedup();
            let found = self.messages.find(&targets).await?;
            messages.extend(
                found
                    .into_iter()
                    .map(|message| ((message.conversation_id, message.seq), message)),
            );
        }
        Ok(Known {
            rosters,
            messages,
            since,
        })
    }

    /// Replies to the submissions of what was committed, publishes it, and returns the submissions to be decided again.
    async fn finish(
        &self,
        known: &Known,
        drafts: Vec<Draft>,
        outcomes: Vec<Result<Outcome, RepositoryError>>,
        waiting: Vec<Waiting>,
    ) -> Vec<QueuedSubmission> {
        let mut results = Vec::with_capacity(drafts.len());
        let mut publications = Vec::with_capacity(drafts.len());
        for (draft, outcome) in drafts.into_iter().zip(outcomes) {
            results.push(self.resolve(known, draft, outcome, &mut publications));
        }
        let mut again_first = Vec::new();
        for Waiting { place, mut submission } in waiting {
            match &results[place] {
                Resolution::Outdated => {
                    submission.attempts += 1;
                    if submission.attempts < MAX_ATTEMPTS {
                        again_first.push(submission);
                    } else {
                        let busy = RepositoryError::unavailable("the conversation is too busy");
                        submission.refuse(busy.into());
                    }
                }
                Resolution::Committed(publication) => {
                    let publication = &mut publications[*publication];
                    publication.excluded.add(submission.origin);
                    let done = match &publication.update {
                        Update::Appended(event) => {
                            if submission.origin.is_some() {
                                // Whoever asked on a connection is answered by a frame with the same words in it, on
                                // another thread maybe: it finds them written.
                                event.frame();
                            }
                            CommitReply::Sent(Arc::clone(event))
                        }
                        Update::Revised(message) | Update::GroupUpdated(message) => {
                            CommitReply::Changed(Arc::clone(message))
                        }
                    };
                    submission.answer(Ok(done));
                }
                Resolution::Known(message) => {
                    submission.answer(Ok(CommitReply::Unchanged(Arc::clone(message))));
                }
                Resolution::Exists(conversation) => submission.answer(Ok(CommitReply::Exists(conversation.clone()))),
                Resolution::Conflict => submission.refuse(ConversationError::Conflict),
                Resolution::Failed(error) => submission.refuse(again(error).into()),
            }
        }
        self.publisher.publish(publications, &self.rosters).await;
        again_first
    }

    /// Takes note of what came of a change, before anybody is told.
    fn resolve(
        &self,
        known: &Known,
        draft: Draft,
        outcome: Result<Outcome, RepositoryError>,
        publications: &mut Vec<Publication>,
    ) -> Resolution {
        let Draft {
            succession,
            message,
            kind,
        } = draft;
        let id = message.conversation_id;
        let stands = matches!(outcome, Ok(Outcome::Committed(_) | Outcome::Duplicate(_)));
        if !stands || kind == UpdateKind::GroupUpdated {
            self.rosters.forget(id);
        }
        match outcome {
            Ok(Outcome::Committed(position)) => {
                let roster = known.rosters.get(&id);
                if let Some(roster) = roster {
                    roster.reach(position.seq);
                }
                if kind == UpdateKind::Appended {
                    self.receipts.sent(id, message.sender_id, position.seq);
                }
                if let Some(succession) = succession {
                    publications.push(Publication::new(succession, right_before(position), kind, roster));
                }
                publications.push(Publication::new(message, position, kind, roster));
                Resolution::Committed(publications.len() - 1)
            }
            Ok(Outcome::Duplicate(existing)) if is_retry(&message, &existing) => {
                if kind == UpdateKind::Appended {
                    // Of the first attempt, all may have been lost but the message.
                    self.receipts.sent(id, existing.sender_id, existing.seq);
                }
                Resolution::Known(Arc::new(*existing))
            }
            Ok(Outcome::Duplicate(_)) => Resolution::Conflict,
            Ok(Outcome::Exists(conversation)) => Resolution::Exists(conversation),
            Ok(Outcome::Outdated) => Resolution::Outdated,
            Err(error) => Resolution::Failed(error),
        }
    }
}

/// What is kept of a change while the store has it.
struct Draft {
    succession: Option<Arc<Message>>,
    message: Arc<Message>,
    kind: UpdateKind,
}

impl Draft {
    fn of(change: &Change) -> Self {
        let kind = match change {
            Change::Append { .. } => UpdateKind::Appended,
            Change::Revise { .. } => UpdateKind::Revised,
            Change::Create { .. } | Change::UpdateGroup { .. } => UpdateKind::GroupUpdated,
        };
        Self {
            succession: change.succession().cloned(),
            message: Arc::clone(change.message()),
            kind,
        }
    }
}

/// Returns the place of the system message that the one at this place was stored together with.
const fn right_before(position: Position) -> Position {
    Position {
        seq: Seq(position.seq.0 - 1),
        rev: Rev(position.rev.0 - 1),
        ordinal: position.ordinal,
    }
}

fn is_retry(offered: &Message, existing: &Message) -> bool {
    offered.id == existing.id
        && offered.sender_id == existing.sender_id
        && offered.fingerprint.matches(&existing.fingerprint)
}

/// What came of a change, for all who wait for it.
enum Resolution {
    /// It is durable, and told as the publication of this place.
    Committed(usize),
    /// It was carried out before.
    Known(Arc<Message>),
    Exists(Box<Conversation>),
    Conflict,
    Outdated,
    Failed(RepositoryError),
}

impl QueuedSubmission {
    pub(super) fn answer(self, result: Result<CommitReply, Refusal>) {
        // Whoever asked may be gone; what they asked for is done all the same.
        let _ = self.reply.send(result);
    }

    fn refuse(self, error: ConversationError) {
        self.answer(Err(Refusal::Error(error)));
    }
}

/// Tells the same failure to one more of those who waited for one step.
fn again(error: &RepositoryError) -> RepositoryError {
    match error {
        RepositoryError::Unavailable(cause) => RepositoryError::unavailable(cause.to_string()),
        RepositoryError::Internal(cause) => RepositoryError::internal(cause.to_string()),
    }
}

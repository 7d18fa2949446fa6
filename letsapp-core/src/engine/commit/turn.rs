//! A turn of a lane: from the waiting submissions to their replies and events.

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

/// The stores and parts that a lane works with.
pub(crate) struct Turn {
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) publisher: Publisher,
    /// Time after sending in which a message can be edited.
    pub(crate) edit_window: Duration,
}

/// Maximum number of times that a submission is decided again because other servers changed the data that it was
/// decided from. So many conflicts in a row mean that the conversation is busier than this server can follow.
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
        let outcomes = self.messages.commit(changes).in_order(drafts.len()).await;
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
                // A reply only needs its target to exist, which is known of every `seq` that the conversation has
                // reached.
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

    /// Replies to the submissions whose changes were committed, publishes the changes, and returns the submissions to
    /// be decided again.
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
                        let busy = RepositoryError::unavailable("too many servers change this conversation at once");
                        submission.refuse(busy.into());
                    }
                }
                Resolution::Committed(publication) => {
                    let publication = &mut publications[*publication];
                    publication.excluded.add(submission.origin);
                    let done = match &publication.update {
                        Update::Appended(event) => {
                            if submission.origin.is_some() {
                                // A submission from a connection is answered by a frame that contains the same JSON,
                                // perhaps written on another thread. Encoding it now means that the other thread finds
                                // it encoded.
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

    /// Updates the caches by the outcome of a change, before anything is replied or published.
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
        // The cached roster is outdated if the change failed, which its fence may have caused, or if it changed the
        // group.
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
                    // A crash after the first attempt may have lost everything but the message itself.
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

/// The part of a change that is kept while the store has the change.
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

/// Returns the position of the system message that was stored right before this position, together with it.
const fn right_before(position: Position) -> Position {
    Position {
        seq: Seq(position.seq.0 - 1),
        rev: Rev(position.rev.0 - 1),
        ordinal: position.ordinal,
        // Both were offered with the same time.
        sent_at: position.sent_at,
    }
}

fn is_retry(offered: &Message, existing: &Message) -> bool {
    offered.id == existing.id
        && offered.sender_id == existing.sender_id
        && offered.fingerprint.matches(&existing.fingerprint)
}

/// The outcome of a change, for all submissions that wait for it.
enum Resolution {
    /// The change is durable; this is the index of its publication.
    Committed(usize),
    /// The change had been carried out before; this is its message.
    Known(Arc<Message>),
    Exists(Box<Conversation>),
    Conflict,
    Outdated,
    Failed(RepositoryError),
}

impl QueuedSubmission {
    pub(super) fn answer(self, result: Result<CommitReply, Refusal>) {
        // The caller may be gone; the change is made all the same.
        let _ = self.reply.send(result);
    }

    fn refuse(self, error: ConversationError) {
        self.answer(Err(Refusal::Error(error)));
    }
}

/// Copies an error, because several submissions wait for one step.
fn again(error: &RepositoryError) -> RepositoryError {
    match error {
        RepositoryError::Unavailable(cause) => RepositoryError::unavailable(cause.to_string()),
        RepositoryError::Internal(cause) => RepositoryError::internal(cause.to_string()),
    }
}

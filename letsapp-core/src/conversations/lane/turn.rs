//! One turn of a lane: from the wishes that wait to their replies and events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::conversations::lane::command::{Command, Done, Refusal, Submission};
use crate::conversations::lane::decide::{Decision, decide};
use crate::conversations::lane::publish::{Publication, Publisher};
use crate::conversations::receipts::Receipts;
use crate::conversations::rosters::{KnownRoster, Rosters};
use crate::conversations::{Conversation, ConversationError};
use crate::id::{ConversationId, Seq};
use crate::messages::{Change, Message, MessageRepository, Outcome, TermsChange};
use crate::storage::RepositoryError;

/// What a lane works with.
pub(crate) struct Turn {
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) publisher: Publisher,
    pub(crate) edit_window: Duration,
}

/// How often a wish is decided anew because other servers changed what it was decided on.
const ROUNDS: usize = 32;

/// What is to be committed in one round, and who waits for it.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    /// Of each change, the place of the wish that it fulfils; a wish of [`Decision::First`] is decided again behind it.
    waiting: Vec<(usize, Submission, Then)>,
    /// Where the change of a message is that other wishes for the same message join.
    revisions: HashMap<(ConversationId, Seq), usize>,
    /// Conversations of which nothing more can be decided before this round's change of them is committed.
    governed: HashSet<ConversationId>,
    /// Wishes for the next round.
    later: Vec<Submission>,
}

/// What a wish does once the change that it waits for is committed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Reply,
    DecideAgain,
}

/// What wishes are decided on.
struct Known {
    rosters: HashMap<ConversationId, Arc<KnownRoster>>,
    messages: HashMap<(ConversationId, Seq), Message>,
}

impl Turn {
    /// Carries out what can be carried out, and replies to everyone.
    pub(super) async fn take(&self, mut waiting: Vec<Submission>) {
        metrics::histogram!("letsapp_lane_batch").record(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        for _ in 0..ROUNDS {
            waiting = self.round(waiting).await;
            if waiting.is_empty() {
                return;
            }
        }
        for submission in waiting {
            submission.refuse(ConversationError::Store(RepositoryError::unavailable(
                "the conversation is too busy",
            )));
        }
    }

    /// Decides, commits, replies and publishes once; returns the wishes that have to be decided again, in order.
    async fn round(&self, waiting: Vec<Submission>) -> Vec<Submission> {
        let known = match self.read(&waiting).await {
            Ok(known) => known,
            Err(error) => {
                waiting
                    .into_iter()
                    .for_each(|submission| submission.refuse(again(&error).into()));
                return Vec::new();
            }
        };
        let mut batch = Batch::default();
        for submission in waiting {
            batch.add(submission, &known, self.edit_window);
        }
        let Batch {
            changes,
            waiting,
            later,
            ..
        } = batch;
        if changes.is_empty() {
            return later;
        }
        let drafts: Vec<Draft> = changes.iter().map(Draft::of).collect();
        let outcomes = self.messages.commit(changes).await;
        self.finish(&known, drafts, outcomes, waiting, later).await
    }

    async fn read(&self, waiting: &[Submission]) -> Result<Known, RepositoryError> {
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
                let only_named = matches!(submission.command, Command::Send { .. });
                let exists = only_named && rosters.get(&id).is_some_and(|known| known.has_reached(seq));
                (!exists).then_some((id, seq))
            })
            .collect();
        if targets.is_empty() {
            return Ok(Known {
                rosters,
                messages: HashMap::new(),
            });
        }
        targets.sort_unstable();
        targets.dedup();
        let messages = self.messages.find(&targets).await?;
        let messages = messages
            .into_iter()
            .map(|message| ((message.conversation_id, message.seq), message))
            .collect();
        Ok(Known { rosters, messages })
    }

    /// Replies to the wishes of what was committed, publishes it, and returns the wishes to be decided again.
    async fn finish(
        &self,
        known: &Known,
        drafts: Vec<Draft>,
        outcomes: Vec<Result<Outcome, RepositoryError>>,
        waiting: Vec<(usize, Submission, Then)>,
        later: Vec<Submission>,
    ) -> Vec<Submission> {
        let mut results = Vec::with_capacity(drafts.len());
        let mut publications = Vec::with_capacity(drafts.len());
        for (draft, outcome) in drafts.into_iter().zip(outcomes) {
            let id = draft.message.conversation_id;
            if !matches!(outcome, Ok(Outcome::Committed(_) | Outcome::Duplicate(_)))
                || draft.kind == DraftKind::Governed
            {
                self.rosters.forget(id);
            }
            results.push(match outcome {
                Ok(Outcome::Committed(position)) => {
                    let message = Arc::new(draft.message.at(position));
                    if let Some(roster) = known.rosters.get(&id) {
                        roster.reach(message.seq);
                    }
                    publications.push(Publication::new(
                        Arc::clone(&message),
                        draft.kind,
                        known.rosters.get(&id),
                    ));
                    Resolved::Committed(message, publications.len() - 1)
                }
                Ok(Outcome::Duplicate(existing)) if draft.is_retried_by(&existing) => {
                    Resolved::Known(Arc::new(*existing))
                }
                Ok(Outcome::Duplicate(_)) => Resolved::Conflict,
                Ok(Outcome::Exists(conversation)) => Resolved::Exists(conversation),
                Ok(Outcome::Outdated) => Resolved::Outdated,
                Err(error) => Resolved::Failed(error),
            });
        }
        let mut again_first = Vec::new();
        for (place, submission, then) in waiting {
            match &results[place] {
                Resolved::Committed(..) | Resolved::Known(_) if then == Then::DecideAgain => {
                    again_first.push(submission);
                }
                Resolved::Committed(message, publication) => {
                    publications[*publication].learnt_by(submission.origin);
                    submission.answer(Ok(Done::Changed(Arc::clone(message))));
                }
                Resolved::Known(message) => submission.answer(Ok(Done::Unchanged(Arc::clone(message)))),
                Resolved::Exists(conversation) => submission.answer(Ok(Done::Exists(conversation.clone()))),
                Resolved::Conflict => submission.refuse(ConversationError::Conflict),
                Resolved::Failed(error) => submission.refuse(again(error).into()),
                Resolved::Outdated => again_first.push(submission),
            }
        }
        for publication in &publications {
            if publication.kind == DraftKind::Appended {
                self.receipts.sent(&publication.message);
            }
        }
        self.publisher.publish(publications, &self.rosters).await;
        again_first.extend(later);
        again_first
    }
}

impl Batch {
    fn add(&mut self, submission: Submission, known: &Known, edit_window: Duration) {
        let id = submission.conversation_id;
        if self.governed.contains(&id) {
            self.later.push(submission);
            return;
        }
        let target = submission.command.target().map(|seq| (id, seq));
        let joined = target.and_then(|target| self.revisions.get(&target).copied());
        let present = match joined {
            Some(place) if !matches!(submission.command, Command::Send { .. }) => Some(self.changes[place].message()),
            _ => target.and_then(|target| known.messages.get(&target)),
        };
        match decide(
            &submission,
            known.rosters.get(&id).map(AsRef::as_ref),
            present,
            edit_window,
        ) {
            Ok(Decision::Commit(change)) => self.push(change, submission, Then::Reply),
            Ok(Decision::First(change)) => self.push(change, submission, Then::DecideAgain),
            // What it is already may itself wait for this round's commit.
            Ok(Decision::Unchanged(message)) => match joined {
                Some(place) => self.waiting.push((place, submission, Then::Reply)),
                None => submission.answer(Ok(Done::Unchanged(Arc::new(message)))),
            },
            Ok(Decision::Nothing) => submission.answer(Ok(Done::Nothing)),
            Err(refusal) => submission.answer(Err(refusal)),
        }
    }

    fn push(&mut self, change: Change, submission: Submission, then: Then) {
        let id = submission.conversation_id;
        let place = match &change {
            Change::Create { .. } | Change::Govern { .. } => {
                self.governed.insert(id);
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
        self.waiting.push((place, submission, then));
    }

    fn append(&mut self, change: Change) -> usize {
        self.changes.push(change);
        self.changes.len() - 1
    }
}

/// Puts a second revision of a message, worked out from the first one's result, in the first one's place.
fn merge(first: &Change, second: Change) -> Change {
    match (first, second) {
        (
            Change::Revise {
                terms: before @ TermsChange::Replace(_),
                ..
            },
            Change::Revise { message, terms, fence },
        ) => {
            let terms = if terms == TermsChange::Keep {
                before.clone()
            } else {
                terms
            };
            Change::Revise { message, terms, fence }
        }
        (_, second) => second,
    }
}

/// What is kept of a change while the store has it.
struct Draft {
    message: Message,
    kind: DraftKind,
}

/// What a change is to those who hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DraftKind {
    Appended,
    Revised,
    Governed,
}

impl Draft {
    fn of(change: &Change) -> Self {
        let kind = match change {
            Change::Append { .. } => DraftKind::Appended,
            Change::Revise { .. } => DraftKind::Revised,
            Change::Create { .. } | Change::Govern { .. } => DraftKind::Governed,
        };
        Self {
            message: change.message().clone(),
            kind,
        }
    }

    fn is_retried_by(&self, existing: &Message) -> bool {
        self.message.sender_id == existing.sender_id && self.message.fingerprint.matches(&existing.fingerprint)
    }
}

/// What came of a change, for all who wait for it.
enum Resolved {
    /// It is durable, and told as the publication of this place.
    Committed(Arc<Message>, usize),
    /// It was carried out before.
    Known(Arc<Message>),
    Exists(Box<Conversation>),
    Conflict,
    Outdated,
    Failed(RepositoryError),
}

impl Submission {
    pub(super) fn answer(self, result: Result<Done, Refusal>) {
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

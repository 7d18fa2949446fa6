//! A turn: carries out a batch, from the taken submissions to their replies and events.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};

use crate::domain::conversation::Kind;
use crate::domain::id::ConversationId;
use crate::engine::commit::batch::{Batch, Doubtful, Known, Waiting};
use crate::engine::commit::command::{CommitReply, QueuedSubmission};
use crate::engine::commit::context::{CommitContext, copy};
use crate::engine::commit::draft::{Draft, DraftKind};
use crate::engine::commit::files::Dropped;
use crate::engine::commit::publish::{Publication, Update};
use crate::engine::commit::queues::{Released, Taken};
use crate::engine::commit::resolve::Resolution;
use crate::engine::commit::unknown::UnknownChanges;
use crate::engine::error::ConversationError;
use crate::ports::{Outcome, Payload as _, RepositoryError, Stopwatch};

/// Maximum number of times that a submission is decided again because other servers changed the data that it was
/// decided from. So many conflicts in a row mean that the conversation is busier than this server can follow.
pub(super) const MAX_ATTEMPTS: u32 = 32;

/// The queues that the conversations of a turn come from.
pub(super) trait TurnQueues: Send + Sync {
    /// Takes conversations back after their turn.
    fn release(self: Arc<Self>, conversations: &mut dyn Iterator<Item = Released>);

    /// Runs the rest of a turn that nobody else waits for.
    fn spawn(&self, rest: BoxFuture<'static, ()>);
}

/// A turn under way.
pub(super) struct Turn {
    context: Arc<CommitContext>,
    queues: Arc<dyn TurnQueues>,
    /// The conversations of the turn, sorted by id. Those that are finished stay until they are given back together.
    ///
    /// A list, and not a map: it is allocated for each turn, and takes less memory.
    held: Vec<Held>,
}

/// A conversation while a turn carries out its submissions. Dropping it gives the conversation back to its queue, also
/// after a panic.
struct Held {
    context: Arc<CommitContext>,
    queues: Arc<dyn TurnQueues>,
    id: ConversationId,
    /// Number of its changes without an outcome. At zero it is finished.
    open: usize,
    /// Submissions to be carried out by the next turn.
    again: Vec<QueuedSubmission>,
    /// Changes to be looked up by the next turn.
    unknown: UnknownChanges,
    /// Publications that wait until all changes have an outcome: the first one that reads from the store, and everything
    /// behind it.
    slow: Vec<Publication>,
    /// True once it is given back.
    is_released: bool,
}

impl Held {
    /// Ends the hold: returns the conversation, to be given back, unless it has been before.
    fn end(&mut self) -> Option<Released> {
        let again = std::mem::take(&mut self.again);
        let unknown = std::mem::take(&mut self.unknown);
        let was_released = std::mem::replace(&mut self.is_released, true);
        (!was_released).then_some(Released {
            id: self.id,
            again,
            unknown,
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(released) = self.end() {
            Arc::clone(&self.queues).release(&mut std::iter::once(released));
        }
    }
}

impl Turn {
    /// Takes charge of the conversations of a batch.
    pub(super) fn new(context: &Arc<CommitContext>, queues: &Arc<dyn TurnQueues>, batch: &Taken) -> Self {
        let held = batch.conversations.iter().map(|(id, _)| Held {
            context: Arc::clone(context),
            queues: Arc::clone(queues),
            id: *id,
            open: 0,
            again: Vec::new(),
            unknown: UnknownChanges::None,
            slow: Vec::new(),
            is_released: false,
        });
        let mut held: Vec<_> = held.collect();
        held.sort_unstable_by_key(|held| held.id);
        Self {
            context: Arc::clone(context),
            queues: Arc::clone(queues),
            held,
        }
    }

    /// Returns the conversations of the turn that are not finished.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = ConversationId> {
        self.held.iter().map(|held| held.id)
    }

    /// Carries out the batch: looks up what is unknown, decides, commits, replies and publishes.
    pub(super) async fn carry_out(&mut self, batch: Taken) {
        let Taken {
            conversations,
            submissions,
        } = batch;
        let unknown: Vec<_> = conversations
            .into_iter()
            .filter(|(_, unknown)| !unknown.is_empty())
            .collect();
        let read = self.context.read(submissions, unknown.iter().map(|(id, _)| *id)).await;
        let (known, submissions) = match read {
            Ok(read) => read,
            Err(error) => {
                for (id, changes) in unknown {
                    self.keep(id, changes);
                }
                return tracing::debug!(%error, "a batch was refused, because the store can't be read");
            }
        };
        let submissions = self.look_up(unknown, &known, submissions).await;
        let mut batch = Batch::with_capacity(submissions.len());
        for submission in submissions {
            batch.add(submission, &known, self.context.edit_window);
        }
        self.check(std::mem::take(&mut batch.doubtful)).await;
        for submission in batch.later.drain(..) {
            self.again(submission);
        }
        self.commit(batch, &known).await;
    }

    /// Answers the doubtful submissions whose rosters are still the newest, and leaves the others to the next turn.
    async fn check(&mut self, doubtful: Vec<Doubtful>) {
        // The fence says nothing of blocks, so direct conversations are always read again.
        let groups: Vec<_> = doubtful
            .iter()
            .filter(|doubtful| doubtful.roster.roster.conversation.kind == Kind::Group)
            .map(|doubtful| doubtful.submission.conversation_id)
            .collect();
        let mut fences = HashMap::new();
        if !groups.is_empty() {
            match self.context.conversations.heads(&groups).await {
                Ok(heads) => fences.extend(heads.into_iter().map(|(id, head)| (id, head.fence))),
                Err(error) => {
                    for doubtful in doubtful {
                        doubtful.submission.refuse(copy(&error));
                    }
                    return;
                }
            }
        }
        for doubtful in doubtful {
            let id = doubtful.submission.conversation_id;
            if fences.get(&id) == Some(&doubtful.roster.roster.fence) {
                doubtful.submission.answer(doubtful.answer);
            } else {
                self.context.rosters.forget(id);
                self.again(doubtful.submission);
            }
        }
    }

    /// Commits the changes, and settles each as soon as its outcome is known.
    async fn commit(&mut self, batch: Batch, known: &Known) {
        let Batch { changes, waiting, .. } = batch;
        let drafts: Vec<_> = changes.iter().map(Draft::of).collect();
        let mut waiting: Vec<_> = waiting.into_iter().map(Some).collect();
        for draft in &drafts {
            if let Some(held) = self.held(draft.conversation_id()) {
                held.open += 1;
            }
        }
        // The others don't wait for the store.
        self.give_back();
        if changes.is_empty() {
            return;
        }
        metrics::histogram!("letsapp_commit_batch").record(u32::try_from(changes.len()).unwrap_or(u32::MAX));
        let stopwatch = Stopwatch::start();
        let mut outcomes = self.context.messages.commit(changes).fuse();
        while let Some(first) = outcomes.next().await {
            // All that is known by now goes together.
            let mut next = Some(first);
            while let Some((index, outcome)) = next {
                if let Some(waiting) = waiting.get_mut(index).and_then(Option::take) {
                    self.settle(known, &drafts[index], waiting, outcome);
                }
                next = outcomes.next().now_or_never().flatten();
            }
            self.give_back();
        }
        metrics::histogram!("letsapp_commit_seconds").record(stopwatch.elapsed());
        for (draft, waiting) in drafts.iter().zip(waiting) {
            if let Some(waiting) = waiting {
                let lost = RepositoryError::internal("the store returned no outcome for a change");
                self.settle(known, draft, waiting, Err(lost));
            }
        }
        self.give_back();
    }

    /// Gives the finished conversations back, all at once: those who submit wait for the same lock. One whose events
    /// are slow to publish stays taken until they are, so that they keep their order; nobody else waits for it.
    fn give_back(&mut self) {
        let slow = |held: &mut Held| held.open == 0 && !held.slow.is_empty();
        for mut held in self.held.extract_if(.., slow) {
            let publications = std::mem::take(&mut held.slow);
            self.queues.spawn(publish_slowly(held, publications).boxed());
        }
        if self.held.iter().any(|held| held.open == 0) {
            let finished = self.held.iter_mut().filter(|held| held.open == 0);
            Arc::clone(&self.queues).release(&mut finished.filter_map(Held::end));
            self.held.retain(|held| held.open > 0);
        }
    }

    /// Returns a conversation of the turn.
    fn held(&mut self, id: ConversationId) -> Option<&mut Held> {
        let place = self.held.binary_search_by_key(&id, |held| held.id).ok()?;
        self.held.get_mut(place)
    }

    /// Replies to the submissions that wait for a change and publishes it. Its conversation is finished with its last
    /// change.
    fn settle(&mut self, known: &Known, draft: &Draft, waiting: Waiting, outcome: Result<Outcome, RepositoryError>) {
        let id = draft.conversation_id();
        let resolution = self.context.resolve(known, draft, outcome);
        if matches!(resolution, Resolution::Failed(RepositoryError::Unavailable(_)))
            && let Some(held) = self.held(id)
        {
            held.unknown.add(draft.clone());
        }
        if let (Resolution::Committed(_), DraftKind::Revise) = (&resolution, &draft.kind)
            && let Some(dropped) = Dropped::by(known.messages.get(&(id, draft.message.seq)), &draft.message)
        {
            let context = Arc::clone(&self.context);
            self.queues.spawn(async move { context.release(dropped).await }.boxed());
        }
        if let Some(publication) = self.answer(resolution, waiting) {
            self.publish(id, publication);
        }
        if let Some(held) = self.held(id) {
            held.open = held.open.saturating_sub(1);
        }
    }

    /// Publishes a change of a conversation, or leaves it for later if it has to read from the store, or is behind one
    /// that has to.
    fn publish(&mut self, id: ConversationId, publication: Publication) {
        let context = Arc::clone(&self.context);
        match self.held(id) {
            Some(held) if publication.reads() || !held.slow.is_empty() => {
                // Noted at once, so that a retry in this turn does not publish it again.
                context.publisher.note(&publication);
                held.slow.push(publication);
            }
            Some(_) => context.publisher.publish(&publication),
            None => {}
        }
    }

    /// Answers the submissions that wait for a change, or leaves them to the next turn; returns what is to be
    /// published.
    fn answer(&mut self, resolution: Resolution, waiting: Waiting) -> Option<Publication> {
        let submissions = std::iter::once(waiting.first).chain(waiting.merged);
        match resolution {
            Resolution::Committed(mut publication) => {
                for submission in submissions {
                    publication.excluded.add(submission.origin);
                    let reply = committed(&publication, &submission);
                    submission.answer(Ok(reply));
                }
                Some(publication)
            }
            Resolution::Known(reply, mut publication) => {
                for submission in submissions {
                    if let Some(publication) = &mut publication {
                        publication.excluded.add(submission.origin);
                    }
                    submission.answer(Ok(reply.clone()));
                }
                publication
            }
            Resolution::Conflict => {
                submissions.for_each(|submission| submission.refuse(ConversationError::Conflict));
                None
            }
            Resolution::Failed(error) => {
                submissions.for_each(|submission| submission.refuse(copy(&error)));
                None
            }
            Resolution::Outdated => {
                for mut submission in submissions {
                    submission.attempts += 1;
                    if submission.attempts < MAX_ATTEMPTS {
                        self.again(submission);
                    } else {
                        let busy = "too many servers change this conversation at once";
                        submission.refuse(RepositoryError::unavailable(busy));
                    }
                }
                None
            }
        }
    }

    /// Looks up the changes whose outcome is unknown, and publishes those that were carried out. If the store fails, it
    /// keeps them for later and refuses the submissions behind them; returns the other submissions.
    async fn look_up(
        &mut self,
        unknown: Vec<(ConversationId, UnknownChanges)>,
        known: &Known,
        mut submissions: Vec<QueuedSubmission>,
    ) -> Vec<QueuedSubmission> {
        for (id, changes) in unknown {
            let found = self.context.find_unknown(id, &changes, known).await;
            if let Err(error) = found {
                self.keep(id, changes);
                let (behind, others): (Vec<_>, Vec<_>) = submissions
                    .into_iter()
                    .partition(|submission| submission.conversation_id == id);
                submissions = others;
                behind
                    .into_iter()
                    .for_each(|submission| submission.refuse(copy(&error)));
                continue;
            }
            for publication in found.into_iter().flatten() {
                self.publish(id, publication);
            }
        }
        submissions
    }

    fn again(&mut self, submission: QueuedSubmission) {
        if let Some(held) = self.held(submission.conversation_id) {
            held.again.push(submission);
        }
    }

    fn keep(&mut self, id: ConversationId, changes: UnknownChanges) {
        if let Some(held) = self.held(id) {
            held.unknown = changes;
        }
    }
}

/// Publishes changes of one conversation that read from the store, and then gives the conversation back.
async fn publish_slowly(held: Held, publications: Vec<Publication>) {
    for publication in publications {
        held.context.publisher.publish_reading(&publication).await;
    }
}

/// Makes the reply to a submission whose change was committed.
fn committed(publication: &Publication, submission: &QueuedSubmission) -> CommitReply {
    match &publication.update {
        Update::Appended(event) => {
            if submission.origin.is_some() {
                // A submission from a connection is answered by a frame that contains the same JSON, perhaps written on
                // another thread. Encoding it now means that the other thread finds it encoded.
                event.frame();
            }
            CommitReply::Sent(Arc::clone(event))
        }
        Update::Revised(message) | Update::GroupUpdated { message, .. } => CommitReply::Changed(Arc::clone(message)),
    }
}

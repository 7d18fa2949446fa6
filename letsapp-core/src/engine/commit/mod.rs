//! The commit path: the only way to change a conversation.
//!
//! Each conversation has a queue of submissions, and at most one commit in flight. A turn takes what waits in as many
//! conversations as are ready, decides each submission, makes one
//! [`commit`](crate::ports::MessageRepository::commit) of the resulting changes, and replies and publishes as each
//! conversation settles, so that the replies and events of a conversation leave in commit order. While a turn is under
//! way, the next batch gathers, and the callers that it answered get to add to it; there is no timer. A conversation that
//! is stuck in the store delays only itself. A caller who goes away does not cancel what it has submitted.
//!
//! A queue is not a lock: other servers commit to the same conversations. The store guarantees the order then, and a
//! change that was decided from an outdated roster is decided again.

mod batch;
mod command;
mod context;
mod decide;
mod draft;
mod files;
mod publish;
mod queues;
mod read;
mod recipients;
mod resolve;
#[cfg(test)]
mod tests;
mod turn;
mod unknown;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::domain::id::ConversationId;
use crate::engine::commit::command::QueuedSubmission;
pub(crate) use crate::engine::commit::command::{Command, CommitReply, Description, GroupChange, Submission};
use crate::engine::commit::context::CommitContext;
pub(crate) use crate::engine::commit::publish::Publisher;
use crate::engine::commit::queues::{Full, Queues, Released, Taken};
use crate::engine::commit::turn::{Turn, TurnQueues};
use crate::engine::error::ConversationError;
use crate::engine::media::{FileAccess, References};
use crate::engine::panics::{Panic, catch_panic};
use crate::engine::rosters::Rosters;
use crate::ports::{RepositoryError, Stores};

/// Time after which a turn no longer counts among the [concurrent](crate::ports::MessageRepository::concurrent_commits) ones. By then
/// it waits for a conversation that is stuck, and the others go on without it.
const SLOW_TURN: Duration = Duration::from_millis(100);

/// Maximum number of times that a turn lets other tasks run before it takes the next batch. The runtime goes on with it
/// after some sixty of them.
const MAX_YIELDS: usize = 8;

/// Pause before changes with an unknown outcome are looked up again. The store has been tried for seconds before.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(1);

/// The commit path of one store.
pub(crate) struct Committer {
    context: Arc<CommitContext>,
    runtime: Handle,
    state: Mutex<State>,
    /// Wakes those who close the commit path.
    idle: Notify,
}

#[derive(Default)]
struct State {
    queues: Queues,
    /// Number of turns that count among the concurrent ones.
    running: usize,
    closed: bool,
}

impl Committer {
    /// Creates the commit path. Its turns run on the current tokio runtime.
    pub(crate) fn new(
        stores: &Stores,
        rosters: Arc<Rosters>,
        publisher: Publisher,
        edit_window: Duration,
    ) -> Arc<Self> {
        let context = CommitContext {
            messages: stores.messages.clone(),
            conversations: stores.conversations.clone(),
            rosters,
            publisher,
            references: References::new(stores),
            access: FileAccess::new(stores),
            edit_window,
            shared: stores.shared,
        };
        Arc::new(Self {
            context: Arc::new(context),
            runtime: Handle::current(),
            state: Mutex::default(),
            idle: Notify::new(),
        })
    }

    /// Puts a submission into its queue immediately; the returned future only waits for the reply. Submissions for one
    /// conversation are decided in the order of the calls.
    pub(crate) fn submit(
        self: &Arc<Self>,
        submission: Submission,
    ) -> impl Future<Output = Result<CommitReply, ConversationError>> + Send + 'static + use<> {
        let (submission, answer) = QueuedSubmission::new(submission);
        let refused = self.put(submission).err();
        async move {
            match (answer.await, refused) {
                (Ok(answer), _) => answer,
                (Err(_), Some(why)) => Err(RepositoryError::unavailable(why).into()),
                (Err(_), None) => {
                    let why = "an error of the server; the change may have been made";
                    Err(RepositoryError::unavailable(why).into())
                }
            }
        }
    }

    /// Accepts no more submissions, and waits until all accepted ones are carried out.
    pub(crate) async fn close(&self) {
        self.lock().closed = true;
        loop {
            let mut idle = pin!(self.idle.notified());
            // Registered before the state is looked at, so that no notification is missed in between.
            idle.as_mut().enable();
            if self.lock().is_idle() {
                return;
            }
            idle.await;
        }
    }

    /// Puts a submission into its queue, or returns the reason for which it can't.
    fn put(self: &Arc<Self>, submission: QueuedSubmission) -> Result<(), &'static str> {
        let mut state = self.lock();
        if state.closed {
            return Err("the application is shutting down");
        }
        state.queues.push(submission).map_err(|full| {
            metrics::counter!("letsapp_commit_refused_total").increment(1);
            match full {
                Full::Conversation => "too many requests are waiting for this conversation",
                Full::Total => "too many requests are waiting",
            }
        })?;
        self.start(&mut state);
        Ok(())
    }

    /// Starts a turn if there is something to do and the store serves one more.
    fn start(self: &Arc<Self>, state: &mut State) {
        if state.queues.is_ready() && state.running < self.context.messages.concurrent_commits().max(1) {
            state.running += 1;
            self.runtime.spawn(Arc::clone(self).run());
        }
    }

    /// Runs turns until there is nothing to do, or until one is slow; others take over then.
    async fn run(self: Arc<Self>) {
        loop {
            let batch = {
                let mut state = self.lock();
                // Once for each batch, since every submission passes here.
                state.measure();
                let batch = state.queues.take();
                if batch.conversations.is_empty() {
                    return self.stop(&mut state);
                }
                batch
            };
            let answered = batch.submissions.len();
            let mut turn = pin!(self.turn(batch));
            let slow = tokio::time::timeout(SLOW_TURN, &mut turn).await.is_err();
            if slow {
                self.stop(&mut self.lock());
                return turn.await;
            }
            self.gather(answered).await;
        }
    }

    /// Lets the callers that were just answered go on, so that what they submit next is in the next batch and not in the
    /// one after it: two half batches would sync the disk twice. Ends as soon as as many have submitted something as
    /// were answered, or none has while the other tasks ran.
    async fn gather(&self, answered: usize) {
        let first = self.lock().queues.accepted();
        let mut seen = first;
        for _ in 0..MAX_YIELDS {
            tokio::task::yield_now().await;
            let accepted = self.lock().queues.accepted();
            if accepted == seen || accepted - first >= answered as u64 {
                return;
            }
            seen = accepted;
        }
    }

    /// Counts a turn no longer, and starts another if there is something to do.
    fn stop(self: &Arc<Self>, state: &mut State) {
        state.running -= 1;
        self.start(state);
        if state.is_idle() {
            self.idle.notify_waiters();
        }
    }

    async fn turn(self: &Arc<Self>, batch: Taken) {
        let queues: Arc<dyn TurnQueues> = Arc::<Self>::clone(self);
        let mut turn = Turn::new(&self.context, &queues, &batch);
        if let Err(Panic(panic)) = catch_panic(turn.carry_out(batch)).await {
            metrics::counter!("letsapp_commit_panics_total").increment(1);
            tracing::error!(
                panic,
                "a turn of the commit path panicked; its submissions were answered with an error"
            );
            // The panic may have come between a commit and the update of the cache.
            turn.unfinished().for_each(|id| self.context.rosters.forget(id));
        }
    }

    /// Has the unknown changes of a conversation looked up after a pause, unless a submission does so before.
    #[expect(
        clippy::disallowed_methods,
        reason = "waits for the store to recover; nothing is decided by the time"
    )]
    fn wake_later(self: &Arc<Self>, id: ConversationId) {
        let committer = Arc::downgrade(self);
        self.runtime.spawn(async move {
            tokio::time::sleep(LOOKUP_INTERVAL).await;
            if let Some(committer) = committer.upgrade() {
                let mut state = committer.lock();
                if !state.closed {
                    state.queues.wake(id);
                    committer.start(&mut state);
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TurnQueues for Committer {
    fn release(self: Arc<Self>, conversations: &mut dyn Iterator<Item = Released>) {
        let mut state = self.lock();
        for released in conversations {
            if !released.unknown.is_empty() {
                self.wake_later(released.id);
            }
            state.queues.release(released);
        }
        // After a slow turn too, behind which nothing may come for long.
        state.measure();
        self.start(&mut state);
        if state.is_idle() {
            self.idle.notify_waiters();
        }
    }

    fn spawn(&self, rest: BoxFuture<'static, ()>) {
        self.runtime.spawn(async move {
            if let Err(Panic(panic)) = catch_panic(rest).await {
                metrics::counter!("letsapp_commit_panics_total").increment(1);
                tracing::error!(panic, "publishing a change of a group panicked");
            }
        });
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.queues.is_idle()
    }

    /// Records what waits or is being carried out.
    fn measure(&self) {
        let bytes = u32::try_from(self.queues.bytes()).unwrap_or(u32::MAX);
        metrics::gauge!("letsapp_commit_waiting_bytes").set(bytes);
    }
}

//! Lanes: the only way to change a conversation.
//!
//! Conversations are hashed to lanes. A lane is a task that takes all submissions that wait for it, decides each, makes
//! one [`commit`](crate::ports::MessageRepository::commit) of the resulting changes, replies, and publishes the events,
//! so that events leave in commit order. While one commit is in flight the next batch gathers; there is no timer. A
//! caller who goes away does not cancel what its lane has taken.
//!
//! A lane is not a lock: other servers commit to the same conversations. The store guarantees the order then, and a
//! change that was decided from an outdated roster is decided again.

mod batch;
mod command;
mod decide;
mod publish;
#[cfg(test)]
mod tests;
mod turn;

pub(crate) use crate::engine::commit::command::{Command, CommitReply, GroupChange, QueuedSubmission, Refusal};
pub(crate) use crate::engine::commit::publish::Publisher;
pub(crate) use crate::engine::commit::turn::Turn;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::domain::id::{ConnectionId, ConversationId, UserId};
use crate::domain::timestamp::Timestamp;
use crate::engine::error::ConversationError;
use crate::engine::panics::{Panic, catch_panic};
use crate::ports::RepositoryError;

/// Maximum number of submissions in one batch of a lane: enough to make the cost of a commit small for each of them,
/// and few enough to keep a transaction short.
const MAX_BATCH_CHANGES: usize = 512;

/// Maximum number of submissions that wait for a lane. If the store stops accepting commits, further submissions are
/// refused instead of filling the memory.
const LANE_CAPACITY: usize = 16_384;

/// All lanes of one store.
pub(crate) struct Lanes {
    /// The inbox of each lane; empty once closed.
    inboxes: Mutex<Vec<mpsc::Sender<QueuedSubmission>>>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// A request to change a conversation, before it is put into its lane.
pub(crate) struct Submission {
    pub(crate) conversation_id: ConversationId,
    pub(crate) actor: UserId,
    /// The connection that the request came from, if any; it gets no event.
    pub(crate) origin: Option<ConnectionId>,
    /// Time of the request by the server's clock.
    pub(crate) at: Timestamp,
    /// Identifies the operation: the id of its system message is derived from it.
    pub(crate) operation: [u8; 16],
    pub(crate) command: Command,
}

impl Lanes {
    /// Starts as many lanes as the store asks for, as tasks of the current runtime.
    pub(crate) fn start(turn: Turn) -> Self {
        let turn = Arc::new(turn);
        let (mut inboxes, mut tasks) = (Vec::new(), Vec::new());
        for _ in 0..turn.messages.concurrent_commits().max(1) {
            let (inbox, waiting) = mpsc::channel(LANE_CAPACITY);
            inboxes.push(inbox);
            tasks.push(tokio::spawn(run(Arc::clone(&turn), waiting)));
        }
        Self {
            inboxes: Mutex::new(inboxes),
            tasks: tokio::sync::Mutex::new(tasks),
        }
    }

    /// Puts a submission into its lane immediately; the returned future only waits for the reply. Submissions for one
    /// conversation are decided in the order of the calls.
    pub(crate) fn submit(
        &self,
        submission: Submission,
    ) -> impl Future<Output = Result<CommitReply, Refusal>> + Send + 'static + use<> {
        let (reply, outcome) = oneshot::channel();
        let Submission {
            conversation_id,
            actor,
            origin,
            at,
            operation,
            command,
        } = submission;
        let submission = QueuedSubmission {
            conversation_id,
            actor,
            origin,
            at,
            command,
            operation,
            attempts: 0,
            reply,
        };
        let refused = self.put(submission).err();
        async move {
            match (outcome.await, refused) {
                (Ok(outcome), _) => outcome,
                (Err(_), Some(why)) => Err(failure(why)),
                (Err(_), None) => Err(failure("an error of the server; the change may have been made")),
            }
        }
    }

    /// Accepts no more submissions, and waits until all accepted ones are carried out.
    pub(crate) async fn close(&self) {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut tasks = self.tasks.lock().await;
        while let Some(task) = tasks.last_mut() {
            if let Err(error) = task.await {
                tracing::error!(%error, "a commit lane did not end cleanly");
            }
            tasks.pop();
        }
    }

    /// Puts a submission into its lane, or returns why it can't.
    fn put(&self, submission: QueuedSubmission) -> Result<(), &'static str> {
        let inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if inboxes.is_empty() {
            return Err("the application is shutting down");
        }
        let lane = lane_of(submission.conversation_id, inboxes.len());
        inboxes[lane]
            .try_send(submission)
            .map_err(|_| "too many requests are waiting for this conversation")
    }
}

/// Runs the turns of one lane until its inbox is closed. Submissions that have to be decided again go before those that
/// arrived since, so that each conversation keeps its order.
async fn run(turn: Arc<Turn>, mut inbox: mpsc::Receiver<QueuedSubmission>) {
    let mut waiting = Vec::with_capacity(MAX_BATCH_CHANGES);
    loop {
        if waiting.is_empty() {
            if inbox.recv_many(&mut waiting, MAX_BATCH_CHANGES).await == 0 {
                return;
            }
        } else {
            while waiting.len() < MAX_BATCH_CHANGES
                && let Ok(submission) = inbox.try_recv()
            {
                waiting.push(submission);
            }
        }
        waiting = match catch_panic(turn.round(waiting)).await {
            Ok(later) => later,
            Err(Panic(panic)) => {
                metrics::counter!("letsapp_lane_faults_total").increment(1);
                tracing::error!(
                    panic,
                    "a turn of a commit lane panicked; its submissions were answered with an error"
                );
                // The panic may have come between a commit and the update of the cache.
                turn.rosters.forget_all();
                Vec::new()
            }
        };
    }
}

/// Returns the lane of a conversation. Its first two bytes suffice: random ids differ in any byte, and so do the ids of
/// pairs, which are hashes.
fn lane_of(id: ConversationId, lanes: usize) -> usize {
    let bytes = id.as_bytes();
    usize::from(u16::from_be_bytes([bytes[0], bytes[1]])) % lanes
}

fn failure(why: &str) -> Refusal {
    Refusal::Error(ConversationError::Store(RepositoryError::unavailable(why)))
}

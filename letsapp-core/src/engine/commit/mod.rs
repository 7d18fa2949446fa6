//! Lanes: the one way by which a conversation changes.
//!
//! Conversations are hashed to lanes. A lane is a task that takes whatever waits for it, decides each submission, makes one
//! [`commit`](crate::ports::MessageRepository::commit) of what was decided, replies, and publishes, so that events
//! leave in commit order. While one commit is in flight the next batch gathers; there is no timer. A caller who goes
//! away cancels nothing that its lane has taken up.
//!
//! What this is not: a lock. Other servers commit to the same conversations; what keeps the order then is the store's
//! promise, and a change that was decided on an outdated roster is decided again.

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

/// The most changes that a lane commits at once.
const MAX_BATCH_CHANGES: usize = 512;

/// The most submissions that wait for a lane: a store that takes no more must not fill the memory.
const LANE_CAPACITY: usize = 16_384;

/// All lanes of a store.
pub(crate) struct Lanes {
    inboxes: Mutex<Vec<mpsc::Sender<QueuedSubmission>>>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// A submission, before it is put into its lane.
pub(crate) struct Submission {
    pub(crate) conversation_id: ConversationId,
    pub(crate) actor: UserId,
    pub(crate) origin: Option<ConnectionId>,
    pub(crate) at: Timestamp,
    pub(crate) operation: [u8; 16],
    pub(crate) command: Command,
}

impl Lanes {
    /// Starts as many lanes as the store likes, as tasks of the present runtime.
    pub(crate) fn start(turn: Turn) -> Self {
        let turn = Arc::new(turn);
        let (mut inboxes, mut tasks) = (Vec::new(), Vec::new());
        for _ in 0..turn.messages.lanes().max(1) {
            let (inbox, waiting) = mpsc::channel(LANE_CAPACITY);
            inboxes.push(inbox);
            tasks.push(tokio::spawn(run(Arc::clone(&turn), waiting)));
        }
        Self {
            inboxes: Mutex::new(inboxes),
            tasks: tokio::sync::Mutex::new(tasks),
        }
    }

    /// Puts a submission into its lane, now; the future only waits for what comes of it. Submissions of one conversation are
    /// decided in the order in which this was called.
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
                (Err(_), None) => Err(failure("a fault of the server; it may have been done")),
            }
        }
    }

    /// Takes no more submissions, and waits until those taken are carried out.
    pub(crate) async fn close(&self) {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut tasks = self.tasks.lock().await;
        while let Some(task) = tasks.last_mut() {
            if let Err(error) = task.await {
                tracing::error!(%error, "a lane ended badly");
            }
            tasks.pop();
        }
    }

    /// Puts a submission into its lane, or says why not.
    fn put(&self, submission: QueuedSubmission) -> Result<(), &'static str> {
        let inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if inboxes.is_empty() {
            return Err("the application is shutting down");
        }
        let lane = lane_of(submission.conversation_id, inboxes.len());
        inboxes[lane].try_send(submission).map_err(|_| "too much waits already")
    }
}

/// Takes turns until nobody can submission any more. What has to be decided again goes before what came since.
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
                tracing::error!(panic, "a turn of a lane failed; those who waited were told so");
                turn.rosters.forget_all();
                Vec::new()
            }
        };
    }
}

/// Random ids spread by any of their bytes; ids of pairs, which are hashes, too.
fn lane_of(id: ConversationId, lanes: usize) -> usize {
    let bytes = id.as_bytes();
    usize::from(u16::from_be_bytes([bytes[0], bytes[1]])) % lanes
}

fn failure(why: &str) -> Refusal {
    Refusal::Error(ConversationError::Store(RepositoryError::unavailable(why)))
}

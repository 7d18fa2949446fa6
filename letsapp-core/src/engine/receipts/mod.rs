//! The lane of receipts: pending_advances of watermarks, merged in memory while the store is busy with the last ones.

mod notifier;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::domain::cache::Cache;
use crate::domain::id::{ConnectionId, ConversationId, Seq, UserId};
use crate::domain::member::{Member, Watermarks};
use crate::domain::timestamp::Timestamp;
use crate::engine::events::ExcludedConnection;
use crate::engine::panics::{Panic, catch_panic};
use crate::engine::receipts::notifier::{Notifier, ReceiptUpdate, MemberKey};
use crate::engine::rosters::Rosters;
use crate::ports::{Advance, RepositoryError, Runtime, Stores};

/// Raises watermarks in batches: of each member, one pending to the highest that was asked for. What is asked for while a
/// batch is in flight makes the next one.
pub(crate) struct Receipts {
    stores: Stores,
    runtime: Runtime,
    rosters: Arc<Rosters>,
    waiting: Mutex<Waiting>,
    /// Something is to be stored.
    wake: Notify,
    /// Somebody waits for it.
    hurry: Notify,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

struct Waiting {
    next: HashMap<MemberKey, PendingAdvance>,
    /// The latest pending_advances, whether the store has them or is yet to be told: who reads the store at the same moment may
    /// see either. They only pending, so that adding one to what was read is never wrong.
    latest: Cache<MemberKey, (Watermarks, Timestamp)>,
    closed: bool,
}

/// The highest that was asked for of one member, and by whom.
#[derive(Default)]
struct PendingAdvance {
    to: Watermarks,
    /// The part of it that follows from the member's own messages, and holds whatever becomes of the rest.
    own: Watermarks,
    at: Timestamp,
    excluded: ExcludedConnection,
    replies: Vec<oneshot::Sender<Result<Watermarks, RepositoryError>>>,
}

/// How many of the latest pending_advances are remembered, twice over.
const RECENT_ADVANCES: usize = 8_192;

/// In groups, the senders of what was newly received or read are told at most this often; and what the store did not
/// take is offered again.
const NOTIFY_INTERVAL: Duration = Duration::from_secs(1);

/// How long a pending that nobody waits for waits for more of its kind. Each message makes one of its sender's: of one who
/// sends on, only the last of them counts, and a document's update costs MongoDB as much as a message does. Whoever
/// reads here sees it at once; what a crash takes along is raised again by the next message or receipt.
const UNHURRIED_DELAY: Duration = Duration::from_secs(1);

impl Receipts {
    /// Starts the lane as a task of the present runtime.
    pub(crate) fn start(stores: Stores, runtime: Runtime, rosters: Arc<Rosters>) -> Arc<Self> {
        let receipts = Arc::new(Self {
            stores,
            runtime,
            rosters,
            waiting: Mutex::new(Waiting {
                next: HashMap::new(),
                latest: Cache::new(RECENT_ADVANCES),
                closed: false,
            }),
            wake: Notify::new(),
            hurry: Notify::new(),
            task: tokio::sync::Mutex::default(),
        });
        let task = tokio::spawn(Arc::clone(&receipts).run());
        *receipts.task.try_lock().expect("nobody else has it yet") = Some(task);
        receipts
    }

    /// Raises a member's watermarks and returns them as they are then.
    pub(crate) async fn advance(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        to: Watermarks,
        origin: Option<ConnectionId>,
    ) -> Result<Watermarks, RepositoryError> {
        let (reply, outcome) = oneshot::channel();
        let taken = self.enqueue((conversation_id, user_id), to, |pending| {
            pending.excluded.add(origin);
            pending.replies.push(reply);
        });
        self.hurry.notify_one();
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) if taken => Err(RepositoryError::unavailable(
                "a fault of the server; it may have been done",
            )),
            Err(_) => Err(RepositoryError::unavailable("the application is shutting down")),
        }
    }

    /// Raises a sender's own watermarks to the message that they sent. Nobody waits for it, and nobody is told: the
    /// message says so itself.
    pub(crate) fn sent(&self, conversation_id: ConversationId, sender_id: UserId, seq: Seq) {
        let to = Watermarks::read(seq);
        self.enqueue((conversation_id, sender_id), to, |pending| {
            pending.own = pending.own.merge(to);
        });
    }

    /// Adds to records that were read what the store may have been told since, or is yet to be told.
    pub(crate) fn overlay(&self, members: &mut [Member]) {
        let mut waiting = self.lock();
        for member in members {
            let latest = waiting.latest.lookup(&(member.conversation_id, member.user_id));
            let Some((to, at)) = latest else { continue };
            let merged = member.watermarks.merge(to);
            if merged != member.watermarks {
                member.watermarks = merged;
                member.changed_at = member.changed_at.max(at);
            }
        }
    }

    /// Takes no more pending_advances, and waits until those taken are stored.
    pub(crate) async fn close(&self) {
        self.stop();
        let mut task = self.task.lock().await;
        if let Some(running) = task.as_mut() {
            if let Err(error) = running.await {
                tracing::error!(%error, "the lane of receipts ended badly");
            }
            *task = None;
        }
    }

    /// Takes no more pending_advances; those taken are stored while the runtime lasts.
    pub(crate) fn stop(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
        self.hurry.notify_one();
    }

    /// Tells whether the pending was taken.
    fn enqueue(&self, key: MemberKey, to: Watermarks, note: impl FnOnce(&mut PendingAdvance)) -> bool {
        let now = self.runtime.clock.now();
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        let Waiting { next, latest, .. } = &mut *waiting;
        let pending = next.entry(key).or_default();
        pending.to = pending.to.merge(to);
        pending.at = now;
        note(pending);
        let before = latest.lookup(&key).map(|(before, _)| before).unwrap_or_default();
        let merged = before.merge(pending.to);
        if merged != before {
            latest.insert(key, (merged, now));
        }
        drop(waiting);
        self.wake.notify_one();
        true
    }

    async fn run(self: Arc<Self>) {
        let mut notifier = Notifier::new(self.stores.clone(), self.runtime.clone(), Arc::clone(&self.rosters));
        let mut tick = tokio::time::interval(NOTIFY_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut left_over = false;
        loop {
            tokio::select! {
                () = self.gather() => (),
                _ = tick.tick(), if notifier.has_news() || left_over => notifier.tell_groups().await,
            }
            let (batch, closed) = {
                let mut waiting = self.lock();
                (std::mem::take(&mut waiting.next), waiting.closed)
            };
            if !batch.is_empty() {
                match catch_panic(self.store(batch, &mut notifier)).await {
                    Ok(stored) => left_over = !stored,
                    Err(Panic(panic)) => {
                        metrics::counter!("letsapp_lane_faults_total").increment(1);
                        tracing::error!(
                            panic,
                            "a turn of the lane of receipts failed; those who waited were told so"
                        );
                    }
                }
            }
            if closed {
                notifier.tell_groups().await;
                return;
            }
        }
    }

    /// Waits until something is to be stored, and a little longer unless somebody waits for it.
    async fn gather(&self) {
        self.wake.notified().await;
        let _elapsed = tokio::time::timeout(UNHURRIED_DELAY, self.hurry.notified()).await;
    }

    /// Stores a batch, and tells whether all of it is stored.
    async fn store(&self, batch: HashMap<MemberKey, PendingAdvance>, notifier: &mut Notifier) -> bool {
        let (key, pending_advances): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let advances = key
            .iter()
            .zip(&pending_advances)
            .map(|((conversation_id, user_id), pending)| Advance {
                conversation_id: *conversation_id,
                user_id: *user_id,
                to: pending.to,
                at: pending.at,
            });
        metrics::histogram!("letsapp_receipts_batch").record(u32::try_from(pending_advances.len()).unwrap_or(u32::MAX));
        let advanced = match self.stores.conversations.advance(advances.collect()).await {
            Ok(advanced) => advanced,
            Err(error) => {
                tracing::warn!(%error, "receipts were not stored");
                return self.give_back(key, pending_advances, &error);
            }
        };
        let mut updates = Vec::new();
        for ((key, pending), advanced) in key.into_iter().zip(pending_advances).zip(advanced) {
            let to = advanced.map_or(pending.to, |advanced| advanced.to);
            let told = !pending.replies.is_empty();
            for reply in pending.replies {
                let _ = reply.send(Ok(to));
            }
            if let Some(advanced) = advanced.filter(|advanced| told && advanced.from != advanced.to) {
                updates.push(ReceiptUpdate {
                    key,
                    advanced,
                    excluded: pending.excluded,
                });
            }
        }
        notifier.tell(updates).await;
        true
    }

    /// After a failure, tells those who wait, and keeps what senders' own messages imply for another try. Tells
    /// whether there is none of that.
    fn give_back(&self, key: Vec<MemberKey>, pending_advances: Vec<PendingAdvance>, error: &RepositoryError) -> bool {
        let mut waiting = self.lock();
        let Waiting { next, latest, .. } = &mut *waiting;
        let mut nothing_left = true;
        for (key, pending) in key.into_iter().zip(pending_advances) {
            if !pending.replies.is_empty() {
                latest.forget(&key);
            }
            if pending.own != Watermarks::default() {
                nothing_left = false;
                let kept = next.entry(key).or_default();
                kept.to = kept.to.merge(pending.own);
                kept.own = kept.own.merge(pending.own);
                kept.at = kept.at.max(pending.at);
                latest.insert(key, (kept.to, kept.at));
            }
            for reply in pending.replies {
                let _ = reply.send(Err(RepositoryError::unavailable(error.to_string())));
            }
        }
        nothing_left
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

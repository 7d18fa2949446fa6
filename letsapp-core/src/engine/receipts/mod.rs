//! The receipts lane: batches advances of watermarks (delivered and read), merged in memory while the store is busy.

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
use crate::domain::member::{Member, MemberKey, Watermarks};
use crate::domain::timestamp::Timestamp;
use crate::engine::events::ExcludedConnection;
use crate::engine::panics::{Panic, catch_panic};
use crate::engine::receipts::notifier::{Notifier, ReceiptUpdate};
use crate::engine::rosters::Rosters;
use crate::ports::{Advance, RepositoryError, Runtime, Stores};

/// Raises watermarks in batches: each batch has at most one advance per member, to the highest watermarks requested.
/// Requests that arrive while a batch is in flight form the next one.
pub(crate) struct Receipts {
    stores: Stores,
    runtime: Runtime,
    rosters: Arc<Rosters>,
    waiting: Mutex<Waiting>,
    /// Wakes the lane because advances wait to be stored.
    wake: Notify,
    /// Ends the wait for further advances early, because a caller waits for the result or the lane closes.
    hurry: Notify,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

struct Waiting {
    /// Advances for the next batch.
    next: HashMap<MemberKey, PendingAdvance>,
    /// The latest advances, stored or not. A read of the store at the same time may or may not include them. Watermarks
    /// only rise, so adding an advance to a record that includes it already is always right.
    latest: Cache<MemberKey, (Watermarks, Timestamp)>,
    closed: bool,
}

/// The highest watermarks requested for one member, with the callers who wait for them.
#[derive(Default)]
struct PendingAdvance {
    to: Watermarks,
    /// The part of `to` that follows from the member's own messages. It has to be stored whatever happens to the rest,
    /// since no client requests it again.
    own: Watermarks,
    at: Timestamp,
    excluded: ExcludedConnection,
    replies: Vec<oneshot::Sender<Result<Watermarks, RepositoryError>>>,
}

/// Capacity of each generation of the cache of latest advances; it holds at most twice as many.
const RECENT_ADVANCES: usize = 8_192;

/// Interval at which the senders in groups are notified of new receipts, so that a busy group makes one event instead
/// of one per reader; also the pause before failed advances are stored again.
const NOTIFY_INTERVAL: Duration = Duration::from_secs(1);

/// Time for which an advance without a waiting caller waits for more. Each message advances its sender's own
/// watermarks; if the sender keeps sending, only the last advance counts, and in MongoDB updating a document costs as
/// much as storing a message. Readers on this server see the advance at once through [`Receipts::overlay`]; what a
/// crash loses is raised again by the next message or receipt.
const UNHURRIED_DELAY: Duration = Duration::from_secs(1);

impl Receipts {
    /// Starts the lane as a task of the current runtime.
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

    /// Raises a member's watermarks, waits until they are stored, and returns the stored ones.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. The watermarks may have been raised.
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
                "an error of the server; the change may have been made",
            )),
            Err(_) => Err(RepositoryError::unavailable("the application is shutting down")),
        }
    }

    /// Raises a sender's own watermarks to the message that they sent. Nobody waits for it and no event is published,
    /// since the message itself implies it.
    pub(crate) fn sent(&self, conversation_id: ConversationId, sender_id: UserId, seq: Seq) {
        let to = Watermarks::read(seq);
        self.enqueue((conversation_id, sender_id), to, |pending| {
            pending.own = pending.own.merge(to);
        });
    }

    /// Adds the latest advances to records read from the store, which may not include them yet.
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

    /// Accepts no more advances, and waits until the accepted ones are stored.
    pub(crate) async fn close(&self) {
        self.stop();
        let mut task = self.task.lock().await;
        if let Some(running) = task.as_mut() {
            if let Err(error) = running.await {
                tracing::error!(%error, "the receipts lane did not end cleanly");
            }
            *task = None;
        }
    }

    /// Accepts no more advances without waiting. Accepted ones are stored as long as the runtime lives.
    pub(crate) fn stop(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
        self.hurry.notify_one();
    }

    /// Adds an advance to the next batch; false if the lane is closed.
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
        // From now on, reads on this server see the advance through the overlay.
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
                _ = tick.tick(), if notifier.has_pending() || left_over => notifier.notify_groups().await,
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
                            "a turn of the receipts lane panicked; its callers were answered with an error"
                        );
                    }
                }
            }
            if closed {
                notifier.notify_groups().await;
                return;
            }
        }
    }

    /// Waits until there is an advance to store, and then a little for more, unless a caller waits for it.
    async fn gather(&self) {
        self.wake.notified().await;
        let _elapsed = tokio::time::timeout(UNHURRIED_DELAY, self.hurry.notified()).await;
    }

    /// Stores a batch and notifies other users of it. Returns false if something is left to be stored later.
    async fn store(&self, batch: HashMap<MemberKey, PendingAdvance>, notifier: &mut Notifier) -> bool {
        let (keys, pending_advances): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let advances = keys
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
                tracing::warn!(%error, "receipts were not stored; waiting callers are answered with the error");
                return self.give_back(keys, pending_advances, &error);
            }
        };
        let mut updates = Vec::new();
        for ((key, pending), advanced) in keys.into_iter().zip(pending_advances).zip(advanced) {
            let to = advanced.map_or(pending.to, |advanced| advanced.to);
            // Advances that only follow from own messages have no waiting caller and make no event.
            let has_callers = !pending.replies.is_empty();
            for reply in pending.replies {
                let _ = reply.send(Ok(to));
            }
            if let Some(advanced) = advanced.filter(|advanced| has_callers && advanced.from != advanced.to) {
                updates.push(ReceiptUpdate {
                    key,
                    advanced,
                    excluded: pending.excluded,
                });
            }
        }
        notifier.notify(updates).await;
        true
    }

    /// After a failure, answers the waiting callers and keeps the senders' own advances for another try. Returns true
    /// if nothing was kept.
    fn give_back(&self, keys: Vec<MemberKey>, pending_advances: Vec<PendingAdvance>, error: &RepositoryError) -> bool {
        let mut waiting = self.lock();
        let Waiting { next, latest, .. } = &mut *waiting;
        let mut nothing_left = true;
        for (key, pending) in keys.into_iter().zip(pending_advances) {
            if !pending.replies.is_empty() {
                // The caller is answered with an error, so the overlay must not show the advance any longer.
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

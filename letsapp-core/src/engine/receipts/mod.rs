//! Receipts: advances of watermarks (delivered and read), and the watermarks of members as they are shown.
//!
//! The receipts lane is a task that stores advances in batches and answers their callers. Another task publishes the
//! stored advances, so that a store that is slow to answer its questions delays nobody.

mod group_notifier;
mod inbox;
mod notifier;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::domain::cache::Cache;
use crate::domain::conversation::Head;
use crate::domain::id::{ConnectionId, ConversationId, Seq, UserId};
use crate::domain::member::{Member, MemberKey, Watermarks};
use crate::domain::timestamp::Timestamp;
use crate::engine::events::ExcludedConnection;
use crate::engine::panics::{Panic, catch_panic};
use crate::engine::receipts::group_notifier::GroupNotifier;
use crate::engine::receipts::inbox::{Inbox, ReceiptUpdate};
use crate::engine::receipts::notifier::Notifier;
use crate::engine::rosters::Rosters;
use crate::ports::{Advance, Advanced, RepositoryError, Runtime, Stores};

/// Raises watermarks in batches: each batch has at most one advance per member, to the highest watermarks requested.
/// Requests that arrive while a batch is in flight form the next one.
///
/// A member's own messages raise no stored watermark. What they imply, that their sender has received and read
/// everything before them, is added wherever watermarks are [shown](Self::lift) or published.
pub(crate) struct Receipts {
    stores: Stores,
    runtime: Runtime,
    waiting: Mutex<Waiting>,
    /// Wakes the lane because advances wait to be stored, or the lane closes.
    wake: Notify,
    /// Stored advances that wait to be published.
    stored: Arc<Inbox>,
    tasks: tokio::sync::Mutex<Tasks>,
}

struct Waiting {
    /// Advances for the next batch.
    next: HashMap<MemberKey, PendingAdvance>,
    /// The latest advances, stored or not. A read of the store at the same time may or may not include them. Watermarks
    /// only rise, so adding an advance to a record that includes it already is always right.
    latest: Cache<MemberKey, (Watermarks, Timestamp)>,
    closed: bool,
}

/// The running tasks; `None` once they have ended.
#[derive(Default)]
struct Tasks {
    lane: Option<JoinHandle<()>>,
    publishing: Option<JoinHandle<()>>,
}

/// The highest watermarks requested for one member, with the callers who wait for them.
#[derive(Default)]
struct PendingAdvance {
    to: Watermarks,
    at: Timestamp,
    excluded: ExcludedConnection,
    replies: Vec<oneshot::Sender<Result<Watermarks, RepositoryError>>>,
}

/// Capacity of each generation of the cache of latest advances; it holds at most twice as many.
const RECENT_ADVANCES: usize = 8_192;

/// Time for which closing waits until stored advances are published. Events may be lost at any time, so a store that
/// does not answer must not hold up the end.
const PUBLISHING_TIMEOUT: Duration = Duration::from_secs(1);

impl Receipts {
    /// Starts the lane and the publishing of stored advances, as tasks of the current runtime.
    pub(crate) fn start(stores: Stores, runtime: Runtime, rosters: Arc<Rosters>) -> Arc<Self> {
        let (stored, groups) = (Arc::new(Inbox::default()), Arc::new(Inbox::default()));
        let receipts = Arc::new(Self {
            stores: stores.clone(),
            runtime: runtime.clone(),
            waiting: Mutex::new(Waiting {
                next: HashMap::new(),
                latest: Cache::new(RECENT_ADVANCES),
                closed: false,
            }),
            wake: Notify::new(),
            stored: Arc::clone(&stored),
            tasks: tokio::sync::Mutex::default(),
        });
        let group_notifier = GroupNotifier {
            messages: Arc::clone(&stores.messages),
            runtime: runtime.clone(),
            rosters: Arc::clone(&rosters),
        };
        let notifier = Notifier::new(stores, runtime, rosters);
        let publishing = async move {
            tokio::join!(notifier.run(stored, Arc::clone(&groups)), group_notifier.run(&groups));
        };
        *receipts.tasks.try_lock().expect("nobody else has it yet") = Tasks {
            lane: Some(tokio::spawn(Arc::clone(&receipts).run())),
            publishing: Some(tokio::spawn(publishing)),
        };
        receipts
    }

    /// Raises a member's watermarks, waits until they are stored, and returns those that hold then.
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
        let taken = self.enqueue((conversation_id, user_id), to, origin, reply);
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) if taken => Err(RepositoryError::unavailable(
                "an error of the server; the change may have been made",
            )),
            Err(_) => Err(RepositoryError::unavailable("the application is shutting down")),
        }
    }

    /// Raises the watermarks in records read from the store to those that hold now: to the latest advances, which may
    /// not be stored yet, and to each member's newest message. Asks the store once for all of them.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn lift(&self, members: Vec<&mut Member>) -> Result<(), RepositoryError> {
        self.lift_below(&HashMap::new(), members).await
    }

    /// Raises watermarks as [`lift`](Self::lift) does, up to the heads of the conversations at least. Nothing is asked
    /// about members who have read up to the head.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn lift_below(
        &self,
        heads: &HashMap<ConversationId, Head>,
        mut members: Vec<&mut Member>,
    ) -> Result<(), RepositoryError> {
        self.overlay(members.iter_mut().map(|member| &mut **member));
        members.retain(|member| {
            let head = heads.get(&member.conversation_id);
            head.is_none_or(|head| member.watermarks.read < head.seq)
        });
        let keys: Vec<_> = members
            .iter()
            .map(|member| (member.conversation_id, member.user_id))
            .collect();
        let own = self.own(&keys).await?;
        for member in members {
            if let Some(own) = own.get(&(member.conversation_id, member.user_id)) {
                member.watermarks = member.watermarks.merge(*own);
            }
        }
        Ok(())
    }

    /// Adds the latest advances to records read from the store, which may not include them yet.
    pub(crate) fn overlay<'a>(&self, members: impl IntoIterator<Item = &'a mut Member>) {
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
        let mut tasks = self.tasks.lock().await;
        if let Some(lane) = tasks.lane.as_mut() {
            if let Err(error) = lane.await {
                tracing::error!(%error, "the receipts lane did not end cleanly");
            }
            tasks.lane = None;
        }
        if let Some(publishing) = tasks.publishing.as_mut() {
            match tokio::time::timeout(PUBLISHING_TIMEOUT, &mut *publishing).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the publishing of receipts did not end cleanly"),
                Err(_) => {
                    publishing.abort();
                    tracing::warn!("receipts were not published in time; clients will sync");
                }
            }
            tasks.publishing = None;
        }
    }

    /// Accepts no more advances without waiting. Accepted ones are stored as long as the runtime lives.
    pub(crate) fn stop(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Adds an advance to the next batch; false if the lane is closed.
    fn enqueue(
        &self,
        key: MemberKey,
        to: Watermarks,
        origin: Option<ConnectionId>,
        reply: oneshot::Sender<Result<Watermarks, RepositoryError>>,
    ) -> bool {
        let now = self.runtime.clock.now();
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        let Waiting { next, latest, .. } = &mut *waiting;
        let pending = next.entry(key).or_default();
        pending.to = pending.to.merge(to);
        pending.at = now;
        pending.excluded.add(origin);
        pending.replies.push(reply);
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
        loop {
            self.wake.notified().await;
            let (batch, closed) = {
                let mut waiting = self.lock();
                (std::mem::take(&mut waiting.next), waiting.closed)
            };
            if !batch.is_empty()
                && let Err(Panic(panic)) = catch_panic(self.store(batch)).await
            {
                metrics::counter!("letsapp_lane_faults_total").increment(1);
                tracing::error!(
                    panic,
                    "a turn of the receipts lane panicked; its callers were answered with an error"
                );
            }
            if closed {
                self.stored.close();
                return;
            }
        }
    }

    /// Stores a batch, answers its callers, and passes what has risen on to be published.
    async fn store(&self, batch: HashMap<MemberKey, PendingAdvance>) {
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
        let advances = self.stores.conversations.advance(advances.collect());
        let (advanced, own) = tokio::join!(advances, self.own(&keys));
        let advanced = match advanced {
            Ok(advanced) => advanced,
            Err(error) => {
                tracing::warn!(%error, "receipts were not stored; waiting callers are answered with the error");
                self.refuse(&keys, pending_advances, &error);
                return;
            }
        };
        let own = own.unwrap_or_else(|error| {
            tracing::warn!(%error, "receipts are answered and published without what own messages imply");
            HashMap::new()
        });
        let mut updates = Vec::new();
        for ((key, pending), advanced) in keys.into_iter().zip(pending_advances).zip(advanced) {
            let own = own.get(&key).copied().unwrap_or_default();
            let advanced = advanced.map(|Advanced { from, to }| Advanced {
                from: from.merge(own),
                to: to.merge(own),
            });
            let to = advanced.map_or(pending.to, |advanced| advanced.to);
            for reply in pending.replies {
                let _ = reply.send(Ok(to));
            }
            if let Some(advanced) = advanced.filter(|advanced| advanced.from != advanced.to) {
                updates.push(ReceiptUpdate {
                    key,
                    advanced,
                    excluded: pending.excluded,
                });
            }
        }
        self.stored.put(updates);
    }

    /// Answers the waiting callers after a failure. The overlay must not show their advances any longer.
    fn refuse(&self, keys: &[MemberKey], pending_advances: Vec<PendingAdvance>, error: &RepositoryError) {
        let mut waiting = self.lock();
        for key in keys {
            waiting.latest.forget(key);
        }
        drop(waiting);
        for reply in pending_advances.into_iter().flat_map(|pending| pending.replies) {
            let _ = reply.send(Err(RepositoryError::unavailable(error.to_string())));
        }
    }

    /// Returns the watermarks that follow from the members' own messages, without members who have sent none.
    async fn own(&self, keys: &[MemberKey]) -> Result<HashMap<MemberKey, Watermarks>, RepositoryError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let last_sent = self.stores.messages.last_sent(keys).await?;
        let own = |(key, seq): (MemberKey, Seq)| (key, Watermarks::read(seq));
        Ok(last_sent.into_iter().map(own).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

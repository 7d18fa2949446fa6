//! Storing when users were last seen: only the latest time of each user, and many users in one call of the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;
use crate::ports::UserRepository;

/// Writes the times when users were last seen, in batches.
pub(crate) struct LastSeenWriter {
    users: Arc<dyn UserRepository>,
    waiting: Mutex<Waiting>,
    /// Wakes the task because times wait to be written.
    wake: Notify,
    /// Ends the gathering early because the writer closes.
    hurry: Notify,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Waiting {
    times: HashMap<UserId, Timestamp>,
    closed: bool,
}

/// Time for which the first user of a batch waits for others: many users connect or disconnect within moments, in the
/// morning or when a server stops.
const GATHER_TIME: Duration = Duration::from_millis(250);

/// Pause after the store failed, before the times are written again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Maximum number of users in one call of the store, so that each call stays short.
const MAX_BATCH_USERS: usize = 1_000;

impl LastSeenWriter {
    /// Starts the writer as a task of the current runtime.
    pub(crate) fn start(users: Arc<dyn UserRepository>) -> Arc<Self> {
        let seen = Arc::new(Self {
            users,
            waiting: Mutex::default(),
            wake: Notify::new(),
            hurry: Notify::new(),
            task: tokio::sync::Mutex::default(),
        });
        let task = tokio::spawn(Arc::clone(&seen).run());
        *seen.task.try_lock().expect("nobody else has it yet") = Some(task);
        seen
    }

    /// Queues the time when a user was seen. An earlier time than the queued one is ignored.
    pub(crate) fn keep(&self, user_id: UserId, at: Timestamp) {
        self.lock().add(user_id, at);
        self.wake.notify_one();
    }

    /// Accepts no more times, and waits until the accepted ones are written or were refused by the store.
    pub(crate) async fn close(&self) {
        self.stop();
        let mut task = self.task.lock().await;
        if let Some(running) = task.as_mut() {
            if let Err(error) = running.await {
                tracing::error!(%error, "the writer of last-seen times did not end cleanly");
            }
            *task = None;
        }
    }

    /// Accepts no more times without waiting. Accepted times are written as long as the runtime lives.
    pub(crate) fn stop(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
        self.hurry.notify_one();
    }

    async fn run(self: Arc<Self>) {
        let mut pause = GATHER_TIME;
        loop {
            self.wake.notified().await;
            let _elapsed = tokio::time::timeout(pause, self.hurry.notified()).await;
            let (times, closed) = {
                let mut waiting = self.lock();
                // Both under one lock, so that every time queued before `stop` is in this batch.
                (std::mem::take(&mut waiting.times), waiting.closed)
            };
            let times: Vec<_> = times.into_iter().collect();
            pause = GATHER_TIME;
            for batch in times.chunks(MAX_BATCH_USERS) {
                if let Err(error) = self.users.seen(batch).await {
                    tracing::warn!(%error, users = batch.len(), "last-seen times were not stored; trying again");
                    let mut waiting = self.lock();
                    batch.iter().for_each(|(user_id, at)| waiting.add(*user_id, *at));
                    self.wake.notify_one();
                    pause = RETRY_PAUSE;
                }
            }
            if closed {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, user_id: UserId, at: Timestamp) {
        let latest = self.times.entry(user_id).or_insert(at);
        *latest = at.max(*latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockUserRepository, RepositoryError};

    const ANA: UserId = UserId::from_bytes([1; 16]);
    const BEN: UserId = UserId::from_bytes([2; 16]);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    type Batches = Arc<Mutex<Vec<Vec<(UserId, Timestamp)>>>>;

    /// A store whose first `failures` calls fail.
    fn store(mut failures: u32) -> (Arc<LastSeenWriter>, Batches) {
        let batches = Batches::default();
        let mut users = MockUserRepository::new();
        let taken = Arc::clone(&batches);
        users.expect_seen().returning(move |batch| {
            if failures > 0 {
                failures -= 1;
                return Err(RepositoryError::unavailable("out for lunch"));
            }
            let mut batch = batch.to_vec();
            batch.sort_unstable();
            taken.lock().unwrap().push(batch);
            Ok(())
        });
        (LastSeenWriter::start(Arc::new(users)), batches)
    }

    #[tokio::test(start_paused = true)]
    async fn users_seen_together_are_stored_in_one_call_each_with_the_latest_time() {
        let (seen, batches) = store(0);
        seen.keep(ANA, at(2));
        seen.keep(BEN, at(5));
        seen.keep(ANA, at(9));
        seen.keep(ANA, at(3));
        while batches.lock().unwrap().is_empty() {
            tokio::time::advance(GATHER_TIME / 4).await;
            tokio::task::yield_now().await;
        }
        seen.close().await;
        assert_eq!(*batches.lock().unwrap(), [[(ANA, at(9)), (BEN, at(5))]]);
    }

    #[tokio::test(start_paused = true)]
    async fn times_that_were_not_stored_are_written_again_with_later_ones() {
        let (seen, batches) = store(2);
        seen.keep(ANA, at(2));
        for _ in 0..8 {
            tokio::time::advance(GATHER_TIME / 4).await;
            tokio::task::yield_now().await;
        }
        seen.keep(BEN, at(5));
        while batches.lock().unwrap().is_empty() {
            tokio::time::advance(GATHER_TIME).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(*batches.lock().unwrap(), [[(ANA, at(2)), (BEN, at(5))]]);
    }

    #[tokio::test(start_paused = true)]
    async fn queued_times_are_written_before_closing() {
        let (seen, batches) = store(0);
        seen.keep(ANA, at(2));
        seen.close().await;
        assert_eq!(*batches.lock().unwrap(), [[(ANA, at(2))]]);
    }
}

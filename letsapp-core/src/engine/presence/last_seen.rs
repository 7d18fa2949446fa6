//! Keeping when users were last seen: of each the latest time, of all that come together one call of the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;
use crate::ports::UserRepository;

/// Writes down when users were last seen.
pub(crate) struct LastSeenWriter {
    users: Arc<dyn UserRepository>,
    waiting: Mutex<Waiting>,
    /// Something is to be written.
    wake: Notify,
    /// Nothing more will be.
    hurry: Notify,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Waiting {
    times: HashMap<UserId, Timestamp>,
    closed: bool,
}

/// How long the first waits for others. Whole offices come in the morning, and whole servers go at once.
const GATHER_TIME: Duration = Duration::from_millis(250);

/// How long to wait for a store that took nothing.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How many are written in one call.
const MAX_BATCH_USERS: usize = 1_000;

impl LastSeenWriter {
    /// Starts writing as a task of the present runtime.
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

    /// Has it written that a user was seen then.
    pub(crate) fn keep(&self, user_id: UserId, at: Timestamp) {
        self.lock().add(user_id, at);
        self.wake.notify_one();
    }

    /// Takes nothing more, and waits until what was taken is written, or was refused.
    pub(crate) async fn close(&self) {
        self.stop();
        let mut task = self.task.lock().await;
        if let Some(running) = task.as_mut() {
            if let Err(error) = running.await {
                tracing::error!(%error, "keeping when users were seen ended badly");
            }
            *task = None;
        }
    }

    /// Takes nothing more; what was taken is written while the runtime lasts.
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
                (std::mem::take(&mut waiting.times), waiting.closed)
            };
            let times: Vec<_> = times.into_iter().collect();
            pause = GATHER_TIME;
            for batch in times.chunks(MAX_BATCH_USERS) {
                if let Err(error) = self.users.seen(batch).await {
                    tracing::warn!(%error, users = batch.len(), "when users were last seen was not kept");
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
    async fn those_who_come_together_are_kept_in_one_call_each_with_the_latest_time() {
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
    async fn what_the_store_did_not_take_is_offered_again_with_what_came_since() {
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
    async fn what_waits_is_written_before_the_end() {
        let (seen, batches) = store(0);
        seen.keep(ANA, at(2));
        seen.close().await;
        assert_eq!(*batches.lock().unwrap(), [[(ANA, at(2))]]);
    }
}

//! Pace of changes that concern many members at once, such as creating a large group.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::engine::detached::run_detached;
use crate::ports::{Clock, RepositoryError};

/// Number of member records from which a change is large. A store writes this many in less than a millisecond.
const LARGE: usize = 64;

/// Pause after a large change, as a multiple of the time that it took. Large changes together take a quarter of the
/// time then, so that most requests of others do not meet one.
const PAUSE: u32 = 3;

/// Longest pause. A store that is slow for other reasons shall not be slowed down further.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Longest wait of a change for its turn, however many wait: the pace is a courtesy to others, and no reason to fail.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Pace of large changes: carried out one at a time, with pauses.
pub(crate) struct LargeChanges {
    turn: Arc<Mutex<()>>,
    clock: Arc<dyn Clock>,
}

impl LargeChanges {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            turn: Arc::default(),
            clock,
        }
    }

    /// Carries out a change that writes this many member records: a small one at once, a large one after the pause that
    /// follows an earlier large one. Its own result does not wait for the pause.
    ///
    /// A large change is carried out even if its caller goes away meanwhile.
    ///
    /// # Errors
    /// The error of the change itself.
    pub(crate) async fn pace<T, E>(
        &self,
        members: usize,
        change: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<RepositoryError> + Send + 'static,
    {
        if members < LARGE {
            return change.await;
        }
        let (turn, clock) = (Arc::clone(&self.turn), Arc::clone(&self.clock));
        run_detached(async move {
            let turn = timeout(MAX_WAIT, turn.lock_owned()).await;
            let began = clock.steady();
            let result = change.await;
            if let Ok(turn) = turn {
                let pause = (clock.steady().since(began) * PAUSE).min(MAX_PAUSE);
                tokio::spawn(async move {
                    sleep(pause).await;
                    drop(turn);
                });
            }
            result
        })
        .await
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pause follows from a measured time, and no deadline of the clock"
)]
async fn sleep(pause: Duration) {
    tokio::time::sleep(pause).await;
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::engine::fixtures::NOW;
    use crate::ports::TokioClock;

    /// Carries out three changes at once, each of 10 ms, and returns how long it took.
    async fn three(changes: &LargeChanges, members: usize) -> Duration {
        let began = changes.clock.steady();
        let change = || {
            changes.pace(members, async {
                sleep(Duration::from_millis(10)).await;
                Ok::<_, RepositoryError>(())
            })
        };
        let (first, second, third) = tokio::join!(change(), change(), change());
        first.and(second).and(third).unwrap();
        changes.clock.steady().since(began)
    }

    fn changes() -> LargeChanges {
        LargeChanges::new(Arc::new(TokioClock::at(NOW)))
    }

    #[tokio::test(start_paused = true)]
    async fn large_changes_take_a_quarter_of_the_time() {
        let changes = changes();
        assert_eq!(three(&changes, LARGE - 1).await, Duration::from_millis(10));
        assert_eq!(three(&changes, LARGE).await, Duration::from_millis(10 + 40 + 40));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_hangs_delays_the_others_for_a_second() {
        let changes = Arc::new(changes());
        let stuck = Arc::clone(&changes);
        let stuck = tokio::spawn(async move { stuck.pace(LARGE, pending::<Result<(), RepositoryError>>()).await });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(three(&changes, LARGE).await, MAX_WAIT + Duration::from_millis(10));
        assert!(!stuck.is_finished());
    }
}

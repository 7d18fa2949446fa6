//! Pace of changes that concern many members at once, such as creating a large group.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Number of users from which a change is large. A store writes this many records in less than a millisecond.
const LARGE: usize = 64;

/// Pause after a large change, as a multiple of the time that it took. Large changes together take a quarter of the
/// time then, so that most requests of others do not meet one.
const PAUSE: u32 = 3;

/// Longest pause. A store that is slow for other reasons shall not be slowed down further.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Pace of large changes: carried out one at a time, with pauses.
#[derive(Default)]
pub(crate) struct LargeChanges {
    turn: Arc<Mutex<()>>,
}

impl LargeChanges {
    /// Carries out a change that concerns this many users, after the pause that follows an earlier large one. Its own
    /// result does not wait for the pause.
    pub(crate) async fn pace<T>(&self, users: usize, change: impl Future<Output = T>) -> T {
        if users < LARGE {
            return change.await;
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let began = now();
        let result = change.await;
        let pause = (began.elapsed() * PAUSE).min(MAX_PAUSE);
        tokio::spawn(async move {
            sleep(pause).await;
            drop(turn);
        });
        result
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long a change takes; nothing of it is stored"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pause follows from a measured time, which no clock to inject has"
)]
async fn sleep(pause: Duration) {
    tokio::time::sleep(pause).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carries out three changes at once, each of 10 ms, and returns how long it took.
    async fn three(users: usize) -> Duration {
        let (changes, began) = (LargeChanges::default(), now());
        let change = || changes.pace(users, sleep(Duration::from_millis(10)));
        tokio::join!(change(), change(), change());
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn large_changes_take_a_quarter_of_the_time() {
        assert_eq!(three(LARGE).await, Duration::from_millis(10 + 40 + 40));
        assert_eq!(three(LARGE - 1).await, Duration::from_millis(10));
    }
}

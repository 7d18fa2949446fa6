//! Timeouts, deadlines and backoff for the database.
//!
//! The adapter takes the time from this module alone. These times measure how long the database takes and are never
//! stored; stored times come from the services' clock.

use std::time::Duration;

use tokio::time::Instant;

/// Time limit of one step: a query, or one write command. Longer than [`WRITE_TIMEOUT`] and [`MAJORITY_TIMEOUT`], so
/// that the server's own error, which says more, usually arrives first.
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(8);
/// Time limit for finding a primary and connecting to it. Shorter than an election, so that reads fail fast while
/// there is no primary; writes outlast an election by retrying, see [`COMMIT_TIMEOUT`].
pub(super) const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// Time that a write waits for a majority. Replication takes milliseconds; after this long, most members are down or
/// far behind.
pub(super) const MAJORITY_TIMEOUT: Duration = Duration::from_secs(5);
/// Time that the server may work on a write command. Commands take milliseconds; one that takes this long is blocked,
/// for example by the locks of an abandoned transaction.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(4);
/// Time for which writes are retried without any progress. A dead primary is replaced within about ten seconds, so that
/// writes outlast a failover.
pub(super) const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// Time to wait for a document that already holds a unique key but is not visible to majority reads yet. As long as
/// [`MAJORITY_TIMEOUT`], after which its writer has either a majority or an error.
pub(super) const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(5);

/// Point in time at which to give up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline that lies `duration` from now.
    pub(super) fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    /// Reports whether the deadline is reached.
    pub(super) fn has_passed(self) -> bool {
        now() >= self.0
    }
}

/// Pauses between attempts, each twice as long as the last.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    /// First pause. Most conflicts between servers pass within a millisecond or two.
    const FIRST_PAUSE: Duration = Duration::from_millis(1);
    /// Longest pause: a compromise between load while there is no primary and delay once there is one.
    const MAX_PAUSE: Duration = Duration::from_millis(250);

    /// Returns a backoff that begins with the shortest pause.
    pub(super) const fn new() -> Self {
        Self(Self::FIRST_PAUSE)
    }

    /// Sleeps, and doubles the next pause up to the longest.
    #[expect(
        clippy::disallowed_methods,
        reason = "waits for the database, which has no clock to inject"
    )]
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Self::MAX_PAUSE);
    }
}

/// Waits until a point in time; for ever without one.
#[expect(
    clippy::disallowed_methods,
    reason = "waits for the database, which has no clock to inject"
)]
pub(super) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Reads the monotonic clock that deadlines are measured with.
#[expect(clippy::disallowed_methods, reason = "measures how long the database takes")]
pub(super) fn now() -> Instant {
    Instant::now()
}

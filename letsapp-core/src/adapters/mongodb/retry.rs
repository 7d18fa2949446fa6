//! How long the adapter waits for the database. The one place of it that reads a clock: what is measured here is the
//! network's patience, never anything that is kept.

use std::time::Duration;

use tokio::time::Instant;

/// A single step, a read or a write of one document, is given up after this long.
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(8);
/// A server that is not found within this long is not there. An election takes longer: see [`COMMIT_TIMEOUT`].
pub(super) const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// A write waits this long for a majority.
pub(super) const MAJORITY_TIMEOUT: Duration = Duration::from_secs(5);
/// A write command may take this long; longer, and something in the database is in its way.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(4);
/// A batch of changes of which none gets on is offered again for this long: a primary that dies is replaced within ten
/// seconds or so.
pub(super) const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// What holds a number or an id, but is not to be seen yet, is waited for this long.
pub(super) const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(5);

/// The end of somebody's patience.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    pub(super) fn has_passed(self) -> bool {
        now() >= self.0
    }
}

/// Pauses that grow, from a millisecond to a quarter of a second.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    const FIRST_PAUSE: Duration = Duration::from_millis(1);
    const MAX_PAUSE: Duration = Duration::from_millis(250);

    pub(super) const fn new() -> Self {
        Self(Self::FIRST_PAUSE)
    }

    pub(super) const fn reset(&mut self) {
        self.0 = Self::FIRST_PAUSE;
    }

    #[expect(clippy::disallowed_methods, reason = "the database's clock can't be asked to ring")]
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Self::MAX_PAUSE);
    }
}

/// Reads the clock that deadlines are measured by.
#[expect(clippy::disallowed_methods, reason = "measures how long the database takes")]
pub(super) fn now() -> Instant {
    Instant::now()
}

//! Deadlines of searches, the only time limit that callers give to a store.

use std::time::Duration;

use tokio::time::Instant;

/// Point in time at which a search ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline that lies `budget` from now.
    #[expect(
        clippy::disallowed_methods,
        reason = "measures how long a search takes, in the thread that carries it out; stored times come from the Clock"
    )]
    pub(super) fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget)
    }

    /// Returns the time that is left; zero once the deadline is reached.
    #[expect(clippy::disallowed_methods, reason = "see `after`")]
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Reports whether the deadline is reached.
    pub(super) fn has_passed(self) -> bool {
        self.left().is_zero()
    }
}

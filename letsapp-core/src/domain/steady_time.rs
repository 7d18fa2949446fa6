//! Points of a time that is never set, for deadlines and the age of what is cached.

use std::time::Duration;

/// Point in time, counted in milliseconds from an arbitrary beginning. Means nothing outside of its process.
///
/// A type of its own, since a [`Timestamp`](crate::domain::timestamp::Timestamp) compared with it is a mistake that
/// nothing else would show.
///
/// ```
/// # use std::time::Duration;
/// # use letsapp_core::domain::steady_time::SteadyTime;
/// let read_at = SteadyTime::from_millis(1_000);
/// assert_eq!(read_at.plus(Duration::from_secs(5)).since(read_at), Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SteadyTime(i64);

impl SteadyTime {
    /// Creates a time from milliseconds since the beginning.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the beginning.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the time elapsed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns this time plus a duration, saturating at the maximum.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

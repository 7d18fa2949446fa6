//! The clock, through which all parts read the time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::domain::steady_time::SteadyTime;
use crate::domain::timestamp::Timestamp;

/// A source of the current time, so that tests can replace it.
pub trait Clock: Send + Sync {
    /// Returns the current time, for what is stored or shown.
    fn now(&self) -> Timestamp;

    /// Returns a time that passes evenly and is never set, for deadlines and for the age of what is cached. Its
    /// beginning is arbitrary, so it means nothing outside of this process.
    fn steady(&self) -> SteadyTime;

    /// Corrects the clock, if it is one that can be corrected.
    fn anchor(&self, _to: Anchor) {}
}

/// Time by which a clock is corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Present time of the store, which the servers that share it go by.
    Store(Timestamp),
    /// Present time of the computer.
    Computer,
}

/// The clock of the operating system, which may be set at any time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the computer's clock")]
    fn now(&self) -> Timestamp {
        // A clock set before 1970 reads as 0, and one beyond the range of i64 as its maximum: no caller has to handle
        // either.
        let elapsed = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic time")]
    fn steady(&self) -> SteadyTime {
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        let start = START.get_or_init(std::time::Instant::now);
        SteadyTime::default().plus(start.elapsed())
    }
}

/// Measures how long something takes, for the metrics only.
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that measures; nothing is decided by it"
    )]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A clock that moves only when it is advanced by hand, for tests and simulations.
///
/// ```
/// # use std::time::Duration;
/// # use letsapp_core::domain::timestamp::Timestamp;
/// # use letsapp_core::ports::{Clock, ManualClock};
/// let clock = ManualClock::at(Timestamp::from_millis(1_000));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(clock.now(), Timestamp::from_millis(2_000));
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    now: AtomicI64,
    steady: AtomicI64,
}

impl ManualClock {
    /// Creates a clock that shows `now`.
    pub const fn at(now: Timestamp) -> Self {
        Self {
            now: AtomicI64::new(now.as_millis()),
            steady: AtomicI64::new(0),
        }
    }

    /// Sets the clock to `now`, as somebody sets the clock of a computer: backwards too.
    pub fn set(&self, now: Timestamp) {
        self.now.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        let passed = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.now.fetch_add(passed, Ordering::SeqCst);
        self.steady.fetch_add(passed, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn steady(&self) -> SteadyTime {
        SteadyTime::from_millis(self.steady.load(Ordering::SeqCst))
    }
}

/// A clock that follows tokio's time. When a test pauses tokio's time, everything that reads this clock runs in virtual
/// time.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    start: Timestamp,
    since: tokio::time::Instant,
}

impl TokioClock {
    /// Creates a clock that shows `start` now.
    #[expect(clippy::disallowed_methods, reason = "a clock is the place that reads the time")]
    pub fn at(start: Timestamp) -> Self {
        Self {
            start,
            since: tokio::time::Instant::now(),
        }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.start.plus(self.since.elapsed())
    }

    fn steady(&self) -> SteadyTime {
        SteadyTime::default().plus(self.since.elapsed())
    }
}

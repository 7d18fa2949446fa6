//! The clock of a server: an anchor plus the time that has passed since.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::steady_time::SteadyTime;
use crate::domain::timestamp::Timestamp;
use crate::ports::clock::{Anchor, Clock, SystemClock};

/// A clock that never goes back.
///
/// The time is read from the computer once and passes evenly from then on: setting the computer's clock back changes
/// nothing while the program runs. Where servers share a store, its clock takes the place of the computer's, so that
/// they agree; see [`Clock::anchor`].
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use letsapp_core::domain::timestamp::Timestamp;
/// # use letsapp_core::ports::{AnchoredClock, Clock, ManualClock};
/// let computer = Arc::new(ManualClock::at(Timestamp::from_millis(7_200_000)));
/// let clock = AnchoredClock::over(computer.clone());
/// computer.set(Timestamp::from_millis(3_600_000));
/// computer.advance(Duration::from_millis(5));
/// assert_eq!(clock.now(), Timestamp::from_millis(7_200_005));
/// ```
pub struct AnchoredClock {
    computer: Arc<dyn Clock>,
    /// Difference between the time and the computer's steady time, in milliseconds.
    offset: AtomicI64,
    /// Latest time that was shown, in milliseconds.
    shown: AtomicI64,
}

/// Milliseconds by which one correction may move the clock back. The clock stands still for as long. Small, because
/// nothing may be dated alike for long; corrections come every half minute, so that this makes up for any drift.
const MAX_STEP_BACK: i64 = 300;

/// Value of `shown` before the first reading.
const NEVER: i64 = i64::MIN;

impl AnchoredClock {
    /// Creates a clock that shows the computer's time now.
    pub fn new() -> Self {
        Self::over(Arc::new(SystemClock))
    }

    /// Creates a clock over another one in place of the computer's, for tests.
    pub fn over(computer: Arc<dyn Clock>) -> Self {
        let offset = offset(&*computer, computer.now());
        Self {
            computer,
            offset: AtomicI64::new(offset),
            shown: AtomicI64::new(NEVER),
        }
    }
}

impl Default for AnchoredClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for AnchoredClock {
    fn now(&self) -> Timestamp {
        let offset = self.offset.load(Ordering::SeqCst);
        let now = self.computer.steady().as_millis().saturating_add(offset);
        let before = self.shown.fetch_max(now, Ordering::SeqCst);
        Timestamp::from_millis(now.max(before))
    }

    fn steady(&self) -> SteadyTime {
        self.computer.steady()
    }

    fn anchor(&self, to: Anchor) {
        let before = self.offset.load(Ordering::SeqCst);
        let offset = match to {
            // Nobody has seen the time yet, so it may still be any.
            Anchor::Store(time) if self.shown.load(Ordering::SeqCst) == NEVER => offset(&*self.computer, time),
            Anchor::Store(time) => offset(&*self.computer, time).max(before.saturating_sub(MAX_STEP_BACK)),
            // Forwards only: the time that a computer has slept does not count as passed otherwise.
            Anchor::Computer => offset(&*self.computer, self.computer.now()).max(before),
        };
        self.offset.store(offset, Ordering::SeqCst);
    }
}

impl fmt::Debug for AnchoredClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnchoredClock")
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

fn offset(computer: &dyn Clock, time: Timestamp) -> i64 {
    time.as_millis().saturating_sub(computer.steady().as_millis())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ports::ManualClock;

    const NOON: Timestamp = Timestamp::from_millis(1_795_348_800_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn clock() -> (Arc<ManualClock>, AnchoredClock) {
        let computer = Arc::new(ManualClock::at(NOON));
        (computer.clone(), AnchoredClock::over(computer))
    }

    #[test]
    fn setting_the_computers_clock_back_changes_nothing() {
        let (computer, clock) = clock();
        assert_eq!(clock.now(), NOON);
        computer.set(NOON.minus(HOUR));
        clock.anchor(Anchor::Computer);
        assert_eq!(clock.now(), NOON);
        computer.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), NOON.plus(Duration::from_secs(1)));
    }

    #[test]
    fn the_time_that_the_computer_has_slept_is_made_up() {
        let (computer, clock) = clock();
        computer.set(NOON.plus(HOUR));
        assert_eq!(clock.now(), NOON);
        clock.anchor(Anchor::Computer);
        assert_eq!(clock.now(), NOON.plus(HOUR));
    }

    #[test]
    fn before_it_is_read_the_clock_takes_the_time_of_the_store_whatever_it_is() {
        let (computer, clock) = clock();
        clock.anchor(Anchor::Store(NOON.minus(HOUR)));
        assert_eq!(clock.now(), NOON.minus(HOUR));
        computer.advance(HOUR);
        clock.anchor(Anchor::Store(NOON.plus(HOUR)));
        assert_eq!(clock.now(), NOON.plus(HOUR));
    }

    #[test]
    fn a_store_that_is_behind_is_approached_without_going_back() {
        let (computer, clock) = clock();
        let mut last = clock.now();
        for half_minute in 1..=4 {
            computer.advance(Duration::from_secs(30));
            // A second behind.
            let there = NOON.plus(Duration::from_secs(30 * half_minute - 1));
            clock.anchor(Anchor::Store(there));
            let now = clock.now();
            assert!(now > last, "it stands still for less than a second");
            let ahead = now.since(there).as_millis();
            assert_eq!(ahead, [700, 400, 100, 0][usize::try_from(half_minute - 1).unwrap()]);
            last = now;
        }
        clock.anchor(Anchor::Store(NOON));
        assert_eq!(clock.now(), last, "it stands still rather than going back");
    }
}

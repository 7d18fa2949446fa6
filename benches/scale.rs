//! Duration of measurements and size of stores.

use std::time::Duration;

/// Thoroughness of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// One second per measurement, on smaller stores. Shows that everything works, and ratios that are roughly right.
    Quick,
    /// Five seconds per measurement, on stores of full size.
    Full,
}

impl Scale {
    /// Returns the length of one measurement.
    pub fn measure(self) -> Duration {
        self.pick(Duration::from_secs(1), Duration::from_secs(5))
    }

    /// Returns how long a load runs before it is measured.
    pub fn warm_up(self) -> Duration {
        self.pick(Duration::from_millis(300), Duration::from_secs(2))
    }

    /// Returns the value for this scale.
    pub fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

//! Duration of measurements and size of stores.

use std::time::Duration;

use crate::load::Span;

/// Thoroughness of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// A fifth of a second per measurement, on the smallest stores. Shows only that everything works.
    Check,
    /// A second per measurement, on smaller stores. Shows ratios that are roughly right.
    Quick,
    /// Five seconds per measurement, on stores of full size.
    Full,
}

impl Scale {
    /// Returns this scale in an optimised build, and otherwise [`Scale::Check`], as the times would mean nothing.
    pub fn for_this_build(self) -> Self {
        if cfg!(debug_assertions) { Self::Check } else { self }
    }

    /// Returns the length of one measurement.
    pub fn measure(self) -> Duration {
        match self {
            Self::Check => Duration::from_millis(200),
            Self::Quick => Duration::from_secs(1),
            Self::Full => Duration::from_secs(5),
        }
    }

    /// Returns how long a load runs before it is measured.
    pub fn warm_up(self) -> Duration {
        match self {
            Self::Check => Duration::from_millis(50),
            Self::Quick => Duration::from_millis(300),
            Self::Full => Duration::from_secs(2),
        }
    }

    /// Returns the phases of a load.
    pub fn span(self) -> Span {
        Span {
            warm_up: self.warm_up(),
            measure: self.measure(),
        }
    }

    /// Returns the number of messages to store, out of those for a quick and a full run.
    pub fn messages(self, quick: u64, full: u64) -> u64 {
        match self {
            Self::Check => quick / 5,
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

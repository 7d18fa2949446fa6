//! How long a bench may take.

use std::time::Duration;

/// How thorough a run is: `--quick` or `LETSAPP_BENCH=quick` for a first look, everything else for the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// A second a measurement: does it run, is it roughly right?
    Quick,
    /// Long enough for the numbers to hold.
    Full,
}

impl Scale {
    /// Reads the scale from the arguments and the environment.
    ///
    /// Without the `--bench` that `cargo bench` passes (as under `cargo test --all-targets`) a run is quick.
    pub fn from_env() -> Self {
        let asked = std::env::args().any(|argument| argument == "--quick")
            || std::env::var("LETSAPP_BENCH").is_ok_and(|value| value == "quick");
        let benching = std::env::args().any(|argument| argument == "--bench");
        if asked || !benching { Self::Quick } else { Self::Full }
    }

    /// Returns how long one measurement lasts.
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

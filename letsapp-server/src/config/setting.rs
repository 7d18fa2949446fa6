//! The type of a setting.

use std::time::Duration;

use super::{Config, duration};

/// A setting.
pub(super) struct Setting {
    /// Name in snake case. The environment variable is `LETSAPP_` and the name in capitals; in the file, the first word
    /// is the section and the rest the key.
    pub(super) name: &'static str,
    /// Command-line flag without `--`, if it has one.
    pub(super) flag: Option<&'static str>,
    /// Placeholder for the value in the help, such as `DURATION`.
    pub(super) form: &'static str,
    /// Help text of the flag; empty without a flag.
    pub(super) help: &'static str,
    /// Parses a value and sets it. The error names the expected form, as in "a duration such as 45s or 15m".
    pub(super) read: fn(&mut Config, &str) -> Result<(), String>,
}

/// Parses a duration greater than zero.
pub(super) fn positive(value: &str) -> Result<Duration, String> {
    match duration::parse(value)? {
        Duration::ZERO => Err("a duration greater than zero".to_owned()),
        duration => Ok(duration),
    }
}

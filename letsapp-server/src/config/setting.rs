//! What a setting is, and how its value is read.

use std::time::Duration;

use super::{Config, duration};

/// One setting.
pub(super) struct Setting {
    /// Its name: in the environment in capitals behind `LETSAPP_`, in the file with the first word as a section.
    pub(super) name: &'static str,
    /// Its flag, if it has one.
    pub(super) flag: Option<&'static str>,
    /// What a value looks like.
    pub(super) form: &'static str,
    /// What it is, for `--help`.
    pub(super) help: &'static str,
    pub(super) read: fn(&mut Config, &str) -> Result<(), String>,
}

/// Reads a duration that is longer than nothing.
pub(super) fn positive(value: &str) -> Result<Duration, String> {
    match duration::parse(value)? {
        Duration::ZERO => Err("longer than nothing".to_owned()),
        duration => Ok(duration),
    }
}

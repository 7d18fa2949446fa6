//! Messages about services that aren't available.

use std::fmt::Display;
use std::io::{Write, stderr};

/// Reports that tests are skipped because a service isn't available.
///
/// # Panics
///
/// Panics if `CI` is set: there, nobody would notice that a test was skipped.
pub(crate) fn skip(service: &str, reason: impl Display, remedy: &str) {
    let message = format!("no {service}: {reason}. {remedy}");
    assert!(
        std::env::var_os("CI").is_none_or(|value| value.is_empty() || value == "false"),
        "{message}"
    );
    notice(&format!("TESTS SKIPPED, {message}"));
}

/// Writes a line to the process's standard error. `eprintln!` would be captured by the test harness, which drops the
/// output of tests that pass.
pub(crate) fn notice(line: &str) {
    let _ = writeln!(stderr().lock(), "\n### {line}\n");
}

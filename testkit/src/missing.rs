use std::fmt::Display;
use std::io::{Write, stderr};

/// Says that tests are skipped for want of a service, past the harness that hides the output of passing tests.
///
/// # Panics
///
/// Where `CI` is set: there, a skipped test would be a hole nobody sees.
pub(crate) fn skip(service: &str, reason: impl Display, remedy: &str) {
    let message = format!("no {service}: {reason}. {remedy}");
    assert!(
        std::env::var_os("CI").is_none_or(|value| value.is_empty() || value == "false"),
        "{message}"
    );
    notice(&format!("TESTS SKIPPED, {message}"));
}

/// Writes a line to the real standard error.
pub(crate) fn notice(line: &str) {
    let _ = writeln!(stderr().lock(), "\n### {line}\n");
}

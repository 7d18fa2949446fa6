//! Progress of a transfer as a line on the terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};

use super::output::{Format, Output};
use super::render::size;
use super::sanitize::excerpt;
use crate::Progress;

/// Number of characters of a bar. With the name and the numbers, a line stays within 80 columns, even if each character
/// of the name takes two.
const BAR_CHARS: u8 = 16;

/// Number of characters of a name.
const NAME_CHARS: usize = 18;

/// Value of [`ProgressBar::percent`] before anything is shown.
const NOTHING: u8 = u8::MAX;

/// A line that shows how much of a file has been transferred. Shown only if standard error is a terminal.
#[derive(Debug)]
pub(super) struct ProgressBar {
    name: String,
    is_visible: bool,
    /// Number shown last, so that the line is written at most 101 times, however many pieces there are.
    percent: AtomicU8,
}

impl ProgressBar {
    pub(super) fn new(name: &str, output: &Output) -> Self {
        Self {
            name: excerpt(name, NAME_CHARS),
            is_visible: output.format() == Format::Text && io::stderr().is_terminal(),
            percent: AtomicU8::new(NOTHING),
        }
    }

    pub(super) fn show(&self, progress: Progress) {
        let percent = percent(progress);
        if self.is_visible && self.percent.swap(percent, Ordering::Relaxed) != percent {
            write_to_terminal(&format!("\r{}\x1b[K", line(&self.name, percent, progress.total)));
        }
    }

    /// Removes the line, before another one is written.
    pub(super) fn clear(&self) {
        if self.percent.swap(NOTHING, Ordering::Relaxed) != NOTHING {
            write_to_terminal("\r\x1b[K");
        }
    }
}

fn write_to_terminal(text: &str) {
    let mut stderr = io::stderr().lock();
    // A terminal that has gone must not end the transfer.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

fn percent(Progress { done, total }: Progress) -> u8 {
    // An empty file is there at once.
    let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
    u8::try_from(percent.min(100)).expect("at most 100")
}

fn line(name: &str, percent: u8, total: u64) -> String {
    let full = usize::from(percent) * usize::from(BAR_CHARS) / 100;
    let empty = usize::from(BAR_CHARS) - full;
    format!(
        "{name} [{}{}] {percent:>3}% of {}",
        "#".repeat(full),
        ".".repeat(empty),
        size(total)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_up() {
        let of = |done, total| line("cat.jpg", percent(Progress { done, total }), total);
        assert_eq!(of(0, 2_000_000), "cat.jpg [................]   0% of 2.0 MB");
        assert_eq!(of(1_000_000, 2_000_000), "cat.jpg [########........]  50% of 2.0 MB");
        assert_eq!(of(2_000_000, 2_000_000), "cat.jpg [################] 100% of 2.0 MB");
        assert_eq!(of(0, 0), "cat.jpg [################] 100% of 0 B");
        assert_eq!(percent(Progress { done: 5, total: 3 }), 100, "a file that grew");
    }
}

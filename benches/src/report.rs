//! What a bench prints: one row a measurement, with its ratio to the bare thing.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

/// The rows of one bench, printed as they come and kept as JSON lines in `<target>/bench-report/<bench>.jsonl`.
#[derive(Debug)]
pub struct Report {
    bench: &'static str,
    lines: File,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was asked.
    pub name: String,
    /// What the two numbers count, such as `messages/s` or `µs CPU/message`.
    pub unit: &'static str,
    /// What LetsApp did; `None` when only the bare thing was measured.
    pub ours: Option<f64>,
    /// What the bare thing did; `None` when there is none to compare with.
    pub bare: Option<f64>,
    /// What is asked of the row.
    pub goal: Option<Goal>,
}

/// What is asked of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Ours over bare is at least this (of rates).
    RatioAtLeast(f64),
    /// Ours over bare is at most this (of costs).
    RatioAtMost(f64),
    /// Ours is at most this, whatever the bare thing does.
    AtMost(f64),
    /// Ours is at most this much above bare.
    ExcessAtMost(f64),
}

/// Whether a goal was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was.
    Reached,
    /// It was not.
    Missed,
}

impl Report {
    /// Starts the report of a bench and prints its heading.
    ///
    /// # Errors
    /// When the report's file cannot be written.
    pub fn new(bench: &'static str) -> io::Result<Self> {
        let directory = target_directory()?.join("bench-report");
        std::fs::create_dir_all(&directory)?;
        let lines = File::create(directory.join(bench).with_extension("jsonl"))?;
        let mut report = Self { bench, lines };
        report.print(&format!(
            "\n{bench:<58} {:>12} {:>12} {:>8}  unit",
            "ours", "bare", "ratio"
        ))?;
        Ok(report)
    }

    /// Prints and keeps a row.
    ///
    /// # Errors
    /// When standard output or the report's file cannot be written.
    pub fn row(&mut self, row: &Row) -> io::Result<()> {
        let mut line = serde_json::to_value(row)?;
        line["bench"] = self.bench.into();
        line["ratio"] = row.ratio().into();
        writeln!(self.lines, "{line}")?;
        self.print(&row.to_string())
    }

    /// Prints a line that is no measurement: what was skipped, and why.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        self.print(&format!("  · {text}"))
    }

    fn print(&mut self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }
}

impl Row {
    /// A row without numbers yet.
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            unit,
            ours: None,
            bare: None,
            goal: None,
        }
    }

    /// Sets what LetsApp did.
    pub fn ours(mut self, value: impl Into<Option<f64>>) -> Self {
        self.ours = value.into();
        self
    }

    /// Sets what the bare thing did.
    pub fn bare(mut self, value: impl Into<Option<f64>>) -> Self {
        self.bare = value.into();
        self
    }

    /// Sets what is asked.
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Returns ours over bare, where there are both.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.ours? / self.bare.filter(|bare| *bare > 0.0)?)
    }

    /// Returns whether the goal was reached; `None` without a goal or without the numbers to tell.
    pub fn verdict(&self) -> Option<Verdict> {
        let reached = match self.goal? {
            Goal::RatioAtLeast(least) => self.ratio()? >= least,
            Goal::RatioAtMost(most) => self.ratio()? <= most,
            Goal::AtMost(most) => self.ours? <= most,
            Goal::ExcessAtMost(most) => self.ours? - self.bare? <= most,
        };
        Some(if reached { Verdict::Reached } else { Verdict::Missed })
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ours, bare, ratio) = (number(self.ours), number(self.bare), number(self.ratio()));
        write!(f, "  {:<56} {ours:>12} {bare:>12} {ratio:>8}  {}", self.name, self.unit)?;
        match self.goal {
            Some(Goal::RatioAtLeast(least)) => write!(f, ", ratio ≥ {least}")?,
            Some(Goal::RatioAtMost(most)) => write!(f, ", ratio ≤ {most}")?,
            Some(Goal::AtMost(most)) => write!(f, ", ours ≤ {most}")?,
            Some(Goal::ExcessAtMost(most)) => write!(f, ", ours ≤ bare + {most}")?,
            None => {}
        }
        match self.verdict() {
            Some(Verdict::Reached) => write!(f, " ✓"),
            Some(Verdict::Missed) => write!(f, " ✗ MISSED"),
            None => Ok(()),
        }
    }
}

/// Returns the directory that cargo builds into, found from where this program lies (`target/PROFILE/deps/NAME`).
///
/// # Errors
/// When the program was moved out of it.
pub fn target_directory() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let above = program.ancestors().nth(3).map(Path::to_owned);
    above.ok_or_else(|| io::Error::other("a bench runs from cargo's target directory"))
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "—".into(),
        Some(value) if value >= 1_000.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_needs_both_numbers() {
        assert_eq!(Row::new("x", "u").ours(3.0).ratio(), None);
        assert_eq!(Row::new("x", "u").ours(3.0).bare(0.0).ratio(), None);
        assert_eq!(Row::new("x", "u").ours(3.0).bare(6.0).ratio(), Some(0.5));
    }

    #[test]
    fn goals_look_the_right_way() {
        let half = Row::new("x", "u").ours(3.0).bare(6.0);
        assert_eq!(
            half.clone().goal(Goal::RatioAtLeast(0.6)).verdict(),
            Some(Verdict::Missed)
        );
        assert_eq!(
            half.clone().goal(Goal::RatioAtMost(0.6)).verdict(),
            Some(Verdict::Reached)
        );
        assert_eq!(half.clone().goal(Goal::AtMost(2.9)).verdict(), Some(Verdict::Missed));
        assert_eq!(
            half.clone().goal(Goal::ExcessAtMost(0.0)).verdict(),
            Some(Verdict::Reached)
        );
        let above = Row::new("x", "u").ours(9.0).bare(6.0).goal(Goal::ExcessAtMost(2.0));
        assert_eq!(above.verdict(), Some(Verdict::Missed));
        assert_eq!(half.verdict(), None);
        assert_eq!(
            Row::new("x", "u").bare(6.0).goal(Goal::RatioAtLeast(0.6)).verdict(),
            None
        );
    }
}

//! Results: rows that are printed and kept while a subject runs, and the table of all subjects at the end.

use std::{
    fmt::{self, Display, Formatter},
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Rows of one subject, printed as they come and kept as JSON lines in `<target>/bench-report/<subject>.jsonl`.
///
/// The file is how a subject's process hands its rows to the one that prints the table.
#[derive(Debug)]
pub struct Report {
    subject: &'static str,
    file: File,
}

/// A measurement of LetsApp, of its baseline, or of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Label: store, load, and what it is compared to.
    pub label: String,
    /// Unit of both numbers, such as `messages/s` or `µs CPU/message`.
    pub unit: String,
    /// LetsApp's number; `None` if only the baseline was measured.
    pub letsapp: Option<f64>,
    /// The baseline's number; `None` if there is nothing to compare with.
    pub baseline: Option<f64>,
    /// Goal that the row should meet.
    pub goal: Option<Goal>,
}

/// Goal of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// LetsApp's rate divided by the baseline's is at least this.
    RatioAtLeast(f64),
    /// LetsApp's cost divided by the baseline's is at most this.
    RatioAtMost(f64),
    /// LetsApp's number is at most this, in the row's unit, whatever the baseline's is.
    AtMost(f64),
    /// LetsApp's number exceeds the baseline's by at most this, in the row's unit.
    ExcessAtMost(f64),
}

/// Result of comparing a number with its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The number is within the goal.
    Met,
    /// The number is beyond the goal.
    Missed,
}

/// A line of the report's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A measurement.
    Row(Row),
    /// A remark, such as what was skipped and why.
    Note(String),
}

/// Rows of all subjects, for the end of a run.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<(&'static str, Row)>,
    notes: Vec<(&'static str, String)>,
    failures: Vec<(&'static str, String)>,
}

impl Report {
    /// Starts the report of a subject, and prints its heading.
    ///
    /// # Errors
    /// Fails if the report's file can't be written.
    pub fn create(subject: &'static str) -> io::Result<Self> {
        let path = path_of(subject)?;
        fs::create_dir_all(path.parent().expect("the file is in a directory"))?;
        let mut report = Self {
            subject,
            file: File::create(path)?,
        };
        report.print(&format!(
            "\n{subject:<70} {:>12} {:>12} {:>8}  unit",
            "LetsApp", "baseline", "ratio"
        ))?;
        Ok(report)
    }

    /// Removes the report of an earlier run.
    ///
    /// # Errors
    /// Fails if there is one that can't be removed.
    pub fn remove(subject: &'static str) -> io::Result<()> {
        match fs::remove_file(path_of(subject)?) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads what a subject has reported so far, which is nothing if it never started.
    ///
    /// # Errors
    /// Fails if the file can't be read.
    pub fn read(subject: &'static str) -> io::Result<Vec<Entry>> {
        let lines = match fs::read_to_string(path_of(subject)?) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            lines => lines?,
        };
        // A process that was killed may have left half a line.
        Ok(lines
            .lines()
            .map_while(|line| serde_json::from_str(line).ok())
            .collect())
    }

    /// Prints and keeps a row.
    ///
    /// # Errors
    /// Fails if standard output or the report's file can't be written.
    pub fn row(&mut self, row: Row) -> io::Result<()> {
        self.print(&row.to_string())?;
        self.keep(&Entry::Row(row))
    }

    /// Prints and keeps a remark.
    ///
    /// # Errors
    /// Fails if standard output or the report's file can't be written.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        self.print(&format!("  {text}"))?;
        self.keep(&Entry::Note(text.to_owned()))
    }

    /// Writes an entry with the subject and the ratio added, for other programs that read the file.
    fn keep(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_value(entry)?;
        if let Entry::Row(row) = entry {
            line["row"]["subject"] = self.subject.into();
            line["row"]["ratio"] = row.ratio().into();
        }
        writeln!(self.file, "{line}")
    }

    fn print(&mut self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }
}

impl Row {
    /// Starts a row without numbers.
    pub fn new(label: impl Into<String>, unit: &str) -> Self {
        Self {
            label: label.into(),
            unit: unit.into(),
            letsapp: None,
            baseline: None,
            goal: None,
        }
    }

    /// Sets LetsApp's number.
    pub fn letsapp(mut self, value: f64) -> Self {
        self.letsapp = Some(value);
        self
    }

    /// Sets the baseline's number.
    pub fn baseline(mut self, value: f64) -> Self {
        self.baseline = Some(value);
        self
    }

    /// Sets the goal.
    pub fn goal(mut self, goal: impl Into<Option<Goal>>) -> Self {
        self.goal = goal.into();
        self
    }

    /// Returns LetsApp's number divided by the baseline's, if both were measured.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.letsapp? / self.baseline.filter(|baseline| *baseline > 0.0)?)
    }

    /// Returns whether the goal was met; `None` without a goal, or without the numbers to tell.
    pub fn verdict(&self) -> Option<Verdict> {
        let is_met = match self.goal? {
            Goal::RatioAtLeast(least) => self.ratio()? >= least,
            Goal::RatioAtMost(most) => self.ratio()? <= most,
            Goal::AtMost(most) => self.letsapp? <= most,
            Goal::ExcessAtMost(most) => self.letsapp? - self.baseline? <= most,
        };
        Some(if is_met { Verdict::Met } else { Verdict::Missed })
    }

    /// Writes the goal for the table. If it isn't about the ratio, the number that it is about comes first.
    fn goal_text(&self) -> String {
        let unit = self.unit.split(' ').next().unwrap_or_default();
        match self.goal {
            None => String::new(),
            Some(Goal::RatioAtLeast(least)) => format!("≥ {least}"),
            Some(Goal::RatioAtMost(most)) => format!("≤ {most}"),
            Some(Goal::AtMost(most)) => format!("{} ≤ {most} {unit}", number(self.letsapp)),
            Some(Goal::ExcessAtMost(most)) => {
                let excess = self.letsapp.zip(self.baseline);
                let excess = excess.map(|(letsapp, baseline)| letsapp - baseline);
                format!("+{} ≤ +{most} {unit}", number(excess))
            }
        }
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let numbers = [self.letsapp, self.baseline, self.ratio()].map(number);
        let [letsapp, baseline, ratio] = numbers;
        write!(
            f,
            "  {:<68} {letsapp:>12} {baseline:>12} {ratio:>8}  {}",
            self.label, self.unit
        )
    }
}

impl Table {
    /// Adds what a subject reported. Rows of the baseline alone are no results, and are left out.
    pub fn add(&mut self, subject: &'static str, entries: Vec<Entry>) {
        for entry in entries {
            match entry {
                Entry::Row(row) if row.letsapp.is_some() => self.rows.push((subject, row)),
                Entry::Row(_) => {}
                Entry::Note(note) => self.notes.push((subject, note)),
            }
        }
    }

    /// Adds that a subject failed, and how its process ended.
    pub fn failed(&mut self, subject: &'static str, reason: &str) {
        self.failures.push((subject, reason.to_owned()));
    }

    /// Returns whether a subject failed.
    pub fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Returns whether a goal was missed.
    pub fn has_missed_goals(&self) -> bool {
        self.count(Verdict::Missed) > 0
    }

    fn count(&self, verdict: Verdict) -> usize {
        let verdicts = self.rows.iter().filter_map(|(_, row)| row.verdict());
        verdicts.filter(|each| *each == verdict).count()
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let labels = self.rows.iter().map(|(_, row)| row.label.chars().count());
        let width = labels.max().unwrap_or_default().max("question".len());
        writeln!(
            f,
            "\n{:<10} {:<width$} {:>7}  {:<20} result",
            "subject", "question", "ratio", "goal"
        )?;
        for (subject, row) in &self.rows {
            let (label, ratio, goal) = (&row.label, number(row.ratio()), row.goal_text());
            let result = match row.verdict() {
                Some(Verdict::Met) => "met",
                Some(Verdict::Missed) => "missed",
                None => "",
            };
            let line = format!("{subject:<10} {label:<width$} {ratio:>7}  {goal:<20} {result}");
            writeln!(f, "{}", line.trim_end())?;
        }
        let (met, missed) = (self.count(Verdict::Met), self.count(Verdict::Missed));
        writeln!(f, "\n{met} goals met, {missed} missed")?;
        for (subject, note) in &self.notes {
            writeln!(f, "{subject}: {note}")?;
        }
        for (subject, reason) in &self.failures {
            writeln!(f, "{subject} FAILED: {reason}")?;
        }
        Ok(())
    }
}

/// Returns the directory that cargo builds into, found from where this program is (`target/PROFILE/deps/NAME`).
///
/// # Errors
/// Fails if the program was moved out of it.
pub fn target_directory() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let above = program.ancestors().nth(3).map(Path::to_owned);
    above.ok_or_else(|| io::Error::other("a bench runs from cargo's target directory"))
}

fn path_of(subject: &str) -> io::Result<PathBuf> {
    Ok(target_directory()?
        .join("bench-report")
        .join(subject)
        .with_extension("jsonl"))
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
#[allow(
    dead_code,
    reason = "cargo sets `cfg(test)` for `main.rs` too, where no harness runs the tests"
)]
mod tests {
    use super::*;

    fn half() -> Row {
        Row::new("x", "ms").letsapp(3.0).baseline(6.0)
    }

    #[test]
    fn a_ratio_needs_both_numbers() {
        assert_eq!(Row::new("x", "u").letsapp(3.0).ratio(), None);
        assert_eq!(Row::new("x", "u").letsapp(3.0).baseline(0.0).ratio(), None);
        assert_eq!(half().ratio(), Some(0.5));
    }

    #[test]
    fn goals_are_met_on_the_right_side_of_their_number() {
        for (goal, verdict) in [
            (Goal::RatioAtLeast(0.6), Verdict::Missed),
            (Goal::RatioAtMost(0.6), Verdict::Met),
            (Goal::AtMost(2.9), Verdict::Missed),
            (Goal::ExcessAtMost(0.0), Verdict::Met),
        ] {
            assert_eq!(half().goal(goal).verdict(), Some(verdict), "{goal:?}");
        }
        let above = Row::new("x", "u").letsapp(9.0).baseline(6.0);
        assert_eq!(above.goal(Goal::ExcessAtMost(2.0)).verdict(), Some(Verdict::Missed));
        assert_eq!(half().verdict(), None);
        let alone = Row::new("x", "u").baseline(6.0).goal(Goal::RatioAtLeast(0.6));
        assert_eq!(alone.verdict(), None);
    }

    #[test]
    fn the_table_has_results_notes_and_failures() {
        let mut table = Table::default();
        assert!(!table.has_failures() && !table.has_missed_goals());
        table.add(
            "append",
            vec![
                Entry::Row(half().goal(Goal::RatioAtMost(0.6))),
                Entry::Row(half().goal(Goal::AtMost(2.0))),
                Entry::Row(Row::new("the baseline alone", "ms").baseline(1.0)),
                Entry::Note("MongoDB skipped".into()),
            ],
        );
        table.failed("search", "exit status: 1");
        assert!(table.has_failures() && table.has_missed_goals());
        let expected = "
subject    question   ratio  goal                 result
append     x           0.50  ≤ 0.6                met
append     x           0.50  3.00 ≤ 2 ms          missed

1 goals met, 1 missed
append: MongoDB skipped
search FAILED: exit status: 1
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let entries = [
            Entry::Row(half().goal(Goal::AtMost(2.0))),
            Entry::Note("skipped".into()),
        ];
        for entry in entries {
            let line = serde_json::to_string(&entry).expect("plain data");
            assert_eq!(serde_json::from_str::<Entry>(&line).expect("the same"), entry);
        }
    }
}

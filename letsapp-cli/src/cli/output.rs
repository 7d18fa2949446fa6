//! Everything that is written: to standard output what was asked for, to standard error what went wrong.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::failure::Failure;
use super::sanitize::one_line;

/// For whom a command writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs: one JSON object per line.
    Json,
}

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    format: Format,
    colours: Colours,
}

/// Colours, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// With ANSI colours.
    On,
    /// Without.
    Off,
}

/// How some text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Less important.
    Dim,
    /// A person.
    Name,
    /// Oneself.
    Me,
    /// Read by the other one.
    Read,
    /// Went wrong.
    Error,
    /// Was looked for.
    Match,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colours = if is_wanted && io::stdout().is_terminal() {
            Colours::On
        } else {
            Colours::Off
        };
        Self { format, colours }
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    pub(super) fn colours(&self) -> Colours {
        self.colours
    }

    /// Writes a line. What others wrote has been made harmless before.
    pub(super) fn line(&self, line: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        Ok(stdout.flush()?)
    }

    /// Writes bytes as they are.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Writes something, for people or for programs.
    pub(super) fn show(&self, value: &impl Serialize, line: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.line(&line()),
            Format::Json => self.line(&serde_json::to_string(value).expect("answers are plain data")),
        }
    }

    /// Writes what a person wants to know, and a program does not.
    pub(super) fn status(&self, line: &str) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.line(line),
            Format::Json => Ok(()),
        }
    }

    /// Writes what went wrong to standard error.
    pub(super) fn error(&self, line: &str) {
        // There is nowhere else to say it.
        let _ = writeln!(io::stderr().lock(), "letsapp: {}", one_line(line));
    }
}

impl Colours {
    /// Makes text stand out.
    pub(super) fn apply(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Dim => "2",
            Style::Name => "1;36",
            Style::Me => "1;32",
            Style::Read => "1;34",
            Style::Error => "1;31",
            Style::Match => "1;33",
        };
        match self {
            Self::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Off => text.to_owned(),
        }
    }
}

//! Output of commands: results to standard output, errors to standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::failure::Failure;
use super::sanitize::one_line;

/// Format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Text, for people.
    Text,
    /// JSON, one object per line, for programs.
    Json,
}

/// Format and colours of a command's output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    format: Format,
    colours: Colours,
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// With ANSI colours.
    On,
    /// Without colours.
    Off,
}

/// Meaning of a coloured text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Less important.
    Dim,
    /// Name of a user or title of a conversation.
    Name,
    /// Name of the signed-in user.
    Me,
    /// Read by the recipients.
    Read,
    /// A failure.
    Error,
    /// A match of a search.
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

    /// Prints a line. Text from other users must be sanitized before.
    pub(super) fn line(&self, line: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        Ok(stdout.flush()?)
    }

    /// Prints bytes unchanged.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Prints a value, as JSON or as the given line, depending on the format.
    pub(super) fn show(&self, value: &impl Serialize, line: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.line(&line()),
            Format::Json => self.line(&serde_json::to_string(value).expect("answers are plain data")),
        }
    }

    /// Prints a status message. Programs get none, since the exit code tells them all they need.
    pub(super) fn status(&self, line: &str) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.line(line),
            Format::Json => Ok(()),
        }
    }

    /// Prints an error message to standard error.
    pub(super) fn error(&self, line: &str) {
        // If standard error can't be written, there is no way left to report the failure.
        let _ = writeln!(io::stderr().lock(), "letsapp: {}", one_line(line));
    }
}

impl Colours {
    /// Colours a text.
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

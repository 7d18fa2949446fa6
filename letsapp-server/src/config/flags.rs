//! Parses the command line.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command, value_parser};

use super::command;
use super::settings;
use super::urls::without_secrets;

/// The flags of a command line.
pub(super) struct Flags(ArgMatches);

/// Parses the command line.
///
/// # Errors
/// Clap's answer, which is the help, the version, or an error.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Flags, clap::Error> {
    parser()
        .try_get_matches_from(arguments)
        .map(Flags)
        .map_err(hide_secrets)
}

/// Hides the password of a URL that an error repeats, as after a misspelt `--store`.
fn hide_secrets(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        if let Some(ContextValue::String(argument)) = error.get(kind) {
            let hidden = match argument.split_once('=') {
                Some((flag, value)) if flag.starts_with('-') => format!("{flag}={}", without_secrets(value)),
                _ => without_secrets(argument),
            };
            error.insert(kind, ContextValue::String(hidden));
        }
    }
    error
}

impl Flags {
    /// Returns the path of the configuration file.
    pub(super) fn config(&self) -> Option<&Path> {
        self.value("config").map(Path::new)
    }

    /// Returns the command, if one was given.
    pub(super) fn command(&self) -> Option<super::Command> {
        command::read(&self.0)
    }

    /// Returns the value of a flag, if it was given.
    pub(super) fn value(&self, flag: &str) -> Option<&OsStr> {
        self.0.get_one::<OsString>(flag).map(OsString::as_os_str)
    }
}

fn parser() -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE.toml")
        .help("Read settings from this file (TOML)")
        .global(true)
        .value_parser(value_parser!(OsString));
    let flags = settings::ALL.iter().filter_map(|setting| {
        let flag = setting.flag?;
        let flag = Arg::new(flag).long(flag).value_name(setting.form).help(setting.help);
        let flag = flag.global(true);
        Some(flag.value_parser(value_parser!(OsString)))
    });
    let parser = Command::new("letsapp-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Messaging server with an HTTP API, a WebSocket and a web client.")
        .arg(config)
        .args(flags)
        .after_help(others());
    command::add(parser)
}

/// Returns the part of the help that lists the environment variables of all settings.
fn others() -> String {
    let lines = settings::ALL
        .iter()
        .map(|setting| format!("\n  {}={}", setting.variable(), setting.form));
    format!(
        "Environment variables (durations such as 45s, 15m, 2h, 30d; limits such as 100/1m, or off).\n\
         Flags override environment variables, which override the configuration file:{}",
        lines.collect::<String>()
    )
}

//! The command line.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::settings;

/// The flags that were given.
pub(super) struct Flags(ArgMatches);

/// Reads the command line.
///
/// # Errors
/// What clap has to say: help, the version, or a complaint.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Flags, clap::Error> {
    command().try_get_matches_from(arguments).map(Flags)
}

impl Flags {
    /// Returns the configuration file.
    pub(super) fn config(&self) -> Option<&Path> {
        self.value("config").map(Path::new)
    }

    /// Returns the value of a flag.
    pub(super) fn value(&self, flag: &str) -> Option<&OsStr> {
        self.0.get_one::<OsString>(flag).map(OsString::as_os_str)
    }
}

fn command() -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE.toml")
        .help("A file of settings")
        .value_parser(value_parser!(OsString));
    let flags = settings::ALL.iter().filter_map(|setting| {
        let flag = setting.flag?;
        let flag = Arg::new(flag).long(flag).value_name(setting.form).help(setting.help);
        Some(flag.value_parser(value_parser!(OsString)))
    });
    Command::new("letsapp-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A messaging server: HTTP, WebSocket and a web client.")
        .arg(config)
        .args(flags)
        .after_help(others())
}

/// Lists what can only be said by the environment or in the file.
fn others() -> String {
    let lines = settings::ALL
        .iter()
        .map(|setting| format!("\n  {}={}", setting.variable(), setting.form));
    format!(
        "Every setting by its environment variable (times as 45s, 15m, 2h, 30d; limits as 100/1m, or off):{}",
        lines.collect::<String>()
    )
}

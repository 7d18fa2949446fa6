//! Work that the program does in place of serving.

mod rescan;

use std::process::ExitCode;

use crate::config::{Command, Config};

/// Carries out a command. It ends with status 0, with 1 where something is wrong, and with 2 where the configuration
/// does not allow it.
///
/// # Errors
/// The reason why it could not be carried out.
pub async fn run(command: Command, config: &Config) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Rescan { scanned_before, report } => rescan::run(config, scanned_before, report).await,
    }
}

//! The command line of LetsApp.

use std::process::ExitCode;

fn main() -> ExitCode {
    letsapp_cli::cli::run(std::env::args_os())
}

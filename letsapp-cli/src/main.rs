//! Entry point of the command line program `letsapp`. All of it is in the library, where it can be tested.

use std::process::ExitCode;

fn main() -> ExitCode {
    letsapp_cli::cli::run(std::env::args_os())
}

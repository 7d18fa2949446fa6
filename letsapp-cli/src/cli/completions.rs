//! The command `completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::failure::Failure;
use super::output::Output;

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell to write the script for
    shell: Shell,
}

impl Completions {
    pub(super) fn run<C: CommandFactory>(self, output: &Output) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut C::command(), "letsapp", &mut script);
        output.bytes(&script)
    }
}

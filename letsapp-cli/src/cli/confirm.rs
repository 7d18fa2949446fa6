//! The confirmation that is required before something is deleted for good.

use std::io::{self, IsTerminal, Write};

use clap::Args;

use super::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Confirmation {
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

impl Confirmation {
    /// Asks the user for confirmation, unless `--yes` was given.
    pub(super) fn require(&self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            let line = "there is no terminal to ask for confirmation: use --yes to skip it";
            return Err(Failure::Usage(line.to_owned()));
        }
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush())?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if is_yes(&answer) {
            Ok(())
        } else {
            Err(Failure::Refused("nothing was deleted".to_owned()))
        }
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_confirms() {
        for answer in ["y\n", "Y\n", " yes \r\n", "YES"] {
            assert!(is_yes(answer), "{answer:?}");
        }
        for answer in ["", "\n", "n\n", "yeah\n", "yn", "да"] {
            assert!(!is_yes(answer), "{answer:?}");
        }
    }
}

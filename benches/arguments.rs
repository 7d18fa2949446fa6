//! The command line of `cargo bench`.

use clap::{Parser, builder::PossibleValuesParser};

use crate::{scale::Scale, subjects};

/// Measures LetsApp beside plain baselines, and prints one table of ratios and goals.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo bench --", disable_help_subcommand = true)]
pub struct Arguments {
    /// Subjects to measure, all if none is given
    #[arg(value_name = "SUBJECT", value_parser = PossibleValuesParser::new(subjects::names()))]
    pub subjects: Vec<String>,

    /// Measures for one second instead of five, on smaller stores: under three minutes for all subjects
    #[arg(long)]
    pub quick: bool,

    /// Has `history` store a million messages on MongoDB too, which takes a minute longer
    #[arg(long)]
    pub million: bool,

    /// Exits with 1 if a goal was missed; without it, only a subject that fails does that
    #[arg(long)]
    pub strict: bool,

    /// Lists the subjects and what they measure
    #[arg(long)]
    pub list: bool,

    /// Passed by `cargo bench`, not by `cargo test`
    #[arg(long, hide = true)]
    pub bench: bool,

    /// Measures the one subject in this process: how the program calls itself
    #[arg(long, hide = true)]
    pub in_this_process: bool,

    /// Serves as the relay that LetsApp is compared to: how the subjects call the program
    #[arg(long, hide = true)]
    pub relay: bool,

    /// Serves as the endpoint for files that LetsApp is compared to, in a folder or on MongoDB
    #[arg(long, hide = true)]
    pub files: Option<String>,
}

impl Arguments {
    /// Returns the scale of the run.
    ///
    /// `cargo test --all-targets` runs benches too, without `--bench`; there, it only matters that they work.
    pub fn scale(&self) -> Scale {
        if self.quick || !self.bench {
            Scale::Quick
        } else {
            Scale::Full
        }
    }
}

#[cfg(test)]
#[allow(
    dead_code,
    reason = "cargo sets `cfg(test)` for `main.rs` too, where no harness runs the tests"
)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["cargo bench --"], arguments].concat())
    }

    #[test]
    fn several_subjects_can_be_named() {
        let arguments = parse(&["append", "--quick", "search", "--bench"]).expect("both exist");
        assert_eq!(arguments.subjects, ["append", "search"]);
        assert_eq!(arguments.scale(), Scale::Quick);
    }

    #[test]
    fn unknown_names_are_errors_that_name_them() {
        for (unknown, kind) in [
            ("appends", ErrorKind::InvalidValue),
            ("--fast", ErrorKind::UnknownArgument),
        ] {
            let error = parse(&[unknown, "--bench"]).expect_err("there is no such thing");
            assert_eq!((error.kind(), error.exit_code()), (kind, 2));
            assert!(error.to_string().contains(unknown), "{error}");
        }
    }

    #[test]
    fn a_run_by_cargo_bench_is_full_and_one_by_cargo_test_quick() {
        assert_eq!(parse(&["--bench"]).expect("cargo's own").scale(), Scale::Full);
        assert_eq!(parse(&[]).expect("nothing is required").scale(), Scale::Quick);
    }
}

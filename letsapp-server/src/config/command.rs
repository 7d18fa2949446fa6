//! The command that a command line names.

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use letsapp_core::domain::timestamp::Timestamp;

/// Work to do in place of serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Scans all stored files again: `media rescan`.
    Rescan {
        /// Files that were scanned at this time or later are passed over; `None` for the time of the start.
        scanned_before: Option<Timestamp>,
        /// Format of the report.
        report: Report,
    },
}

/// Format in which a command reports to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Lines for people.
    Text,
    /// A JSON object per line.
    Json,
}

const MEDIA: &str = "media";
const RESCAN: &str = "rescan";
const SCANNED_BEFORE: &str = "scanned-before";
const JSON: &str = "json";

/// Adds the commands to the program's command line.
pub(super) fn add(parser: Parser) -> Parser {
    let scanned_before = Arg::new(SCANNED_BEFORE)
        .long(SCANNED_BEFORE)
        .value_name("TIME")
        .help("Pass over files that were scanned at this time (as 2026-11-30T12:00:00Z) or later [default: now]")
        .value_parser(value_parser!(Timestamp));
    let json = Arg::new(JSON)
        .long(JSON)
        .action(ArgAction::SetTrue)
        .help("Report in lines of JSON");
    let rescan = Parser::new(RESCAN)
        .about("Scan every stored file again with the scanner of LETSAPP_MEDIA_SCANNER, and remove those with malware")
        .args([scanned_before, json]);
    let media = Parser::new(MEDIA)
        .about("Work on stored files")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(rescan);
    parser.subcommand(media)
}

/// Reads the command, if there is one.
pub(super) fn read(matches: &ArgMatches) -> Option<Command> {
    let rescan = matches.subcommand_matches(MEDIA)?.subcommand_matches(RESCAN)?;
    Some(Command::Rescan {
        scanned_before: rescan.get_one(SCANNED_BEFORE).copied(),
        report: if rescan.get_flag(JSON) {
            Report::Json
        } else {
            Report::Text
        },
    })
}

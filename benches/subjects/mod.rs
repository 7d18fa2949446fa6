//! Subjects: each asks one question of LetsApp, and answers it beside a baseline.

mod append;
mod auth;
mod cluster;
mod end_to_end;
mod fanout;
mod frames;
mod group;
mod history;
mod hostile;
mod media;
mod presence;
mod search;
mod sockets;

use std::process::Command;

use letsapp_core::ports::BoxError;

use crate::{report::Report, scale::Scale};

/// A set of measurements that answer one question.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// Name on the command line and in the table.
    pub name: &'static str,
    /// Question that the subject answers.
    pub question: &'static str,
    /// Server that must be built before the subject runs.
    pub server: Server,
    /// Measures, and reports each row as soon as it is known.
    pub run: fn(Run) -> Result<(), BoxError>,
}

/// Need for the LetsApp server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Calls the core in its own process.
    NotNeeded,
    /// Starts the server as a process.
    Needed,
}

/// A run of a subject.
#[derive(Debug)]
pub struct Run {
    /// Thoroughness of the run.
    pub scale: Scale,
    /// Messages that `history` stores on MongoDB, if another number than the scale's was asked for.
    pub mongodb_history: Option<u64>,
    /// Receives the measurements.
    pub report: Report,
}

/// Subjects in the order in which they run: the path of a message first.
pub const SUBJECTS: [Subject; 13] = [
    append::SUBJECT,
    end_to_end::SUBJECT,
    history::SUBJECT,
    search::SUBJECT,
    fanout::SUBJECT,
    group::SUBJECT,
    presence::SUBJECT,
    auth::SUBJECT,
    frames::SUBJECT,
    sockets::SUBJECT,
    media::SUBJECT,
    cluster::SUBJECT,
    hostile::SUBJECT,
];

/// Reported by subjects that skip MongoDB.
const NO_MONGODB: &str = "MongoDB skipped: there is none on this machine";

/// Returns the names of all subjects.
pub fn names() -> [&'static str; SUBJECTS.len()] {
    SUBJECTS.map(|subject| subject.name)
}

/// Waits until the disk has written everything before, such as a build or raw rows: every `fsync` would wait for it too.
fn sync_disks() {
    // On a system without the command, latencies are measured without the wait.
    let _ = Command::new("sync").status();
}

/// Writes a number with commas between thousands, for labels.
fn with_commas(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", with_commas(number / 1_000), number % 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [7, 999, 1_000, 50_001, 1_000_000].map(with_commas);
        assert_eq!(numbers, ["7", "999", "1,000", "50,001", "1,000,000"]);
    }
}

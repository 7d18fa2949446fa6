//! `media rescan`: scans all stored files again.

use std::fmt;
use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;

use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::engine::media::{Rescan, RescanOutcome, RescannedFile};
use serde_json::{Value, json};

use crate::compose;
use crate::config::{Config, Report};
use crate::error::chain;
use crate::signals::stop_request;

/// Number of files between two lines of progress.
const PROGRESS: u64 = 100;

/// Numbers of files by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    clean: u64,
    infected: u64,
    missing: u64,
    failed: u64,
    /// Size of all of them in bytes.
    bytes: u64,
}

/// Reason for which the scan ended before the last file.
enum Stopped {
    Asked,
    Failed(String),
}

/// Scans all files that were not scanned since then, or since now.
pub(super) async fn run(
    config: &Config,
    scanned_before: Option<Timestamp>,
    report: Report,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if config.media_scanner.is_none() {
        writeln!(
            io::stderr(),
            "letsapp-server: media rescan needs a scanner: set LETSAPP_MEDIA_SCANNER to its address, such as \
             tcp://127.0.0.1:3310"
        )?;
        return Ok(ExitCode::from(2));
    }
    let stop = stop_request()?;
    let app = compose::open(config).await.map_err(|error| {
        if error.is_in_use() {
            format!("{error}; stop the server before you scan its files")
        } else {
            error.to_string()
        }
    })?;
    let before = scanned_before.unwrap_or_else(|| app.clock().now());
    say(report, &Line::Begins(before))?;
    let mut rescan = app.media().rescan(before)?;
    let mut tally = Tally::default();
    let stopped = tokio::select! {
        scanned = scan(&mut rescan, report, &mut tally) => scanned?,
        () = pin!(stop) => Some(Stopped::Asked),
    };
    drop(rescan);
    app.shutdown().await;
    say(report, &Line::Ends(tally, stopped.as_ref(), before))?;
    let is_good = stopped.is_none() && tally.files() == tally.clean;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Scans file after file. Returns the reason for which it has stopped before the last one.
async fn scan(rescan: &mut Rescan, report: Report, tally: &mut Tally) -> io::Result<Option<Stopped>> {
    loop {
        match rescan.next().await {
            Ok(None) => return Ok(None),
            Ok(Some(file)) => {
                tally.add(&file);
                if !matches!(file.outcome, RescanOutcome::Clean) {
                    say(report, &Line::File(&file))?;
                }
                if tally.files().is_multiple_of(PROGRESS) {
                    say(report, &Line::Progress(*tally))?;
                }
            }
            Err(error) => return Ok(Some(Stopped::Failed(chain(&error)))),
        }
    }
}

impl Tally {
    fn add(&mut self, file: &RescannedFile) {
        let count = match file.outcome {
            RescanOutcome::Clean => &mut self.clean,
            RescanOutcome::Infected { .. } => &mut self.infected,
            RescanOutcome::Missing => &mut self.missing,
            RescanOutcome::Failed(_) => &mut self.failed,
        };
        *count += 1;
        self.bytes += file.size;
    }

    fn files(&self) -> u64 {
        self.clean + self.infected + self.missing + self.failed
    }
}

/// A line of the report.
enum Line<'a> {
    Begins(Timestamp),
    File(&'a RescannedFile),
    Progress(Tally),
    Ends(Tally, Option<&'a Stopped>, Timestamp),
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins(before) => write!(
                f,
                "scanning all files that were not scanned since {before}; after an interruption, go on with: \
                 letsapp-server media rescan --scanned-before {before}"
            ),
            Self::File(RescannedFile {
                id, owner_id, outcome, ..
            }) => match outcome {
                RescanOutcome::Clean => write!(f, "{id}: clean"),
                RescanOutcome::Infected { signature } => {
                    write!(
                        f,
                        "{id} of the user {owner_id}: {signature} was found; the file was removed"
                    )
                }
                RescanOutcome::Missing => write!(f, "{id} of the user {owner_id}: its bytes are missing"),
                RescanOutcome::Failed(error) => write!(f, "{id}: not scanned: {}", chain(&**error)),
            },
            Self::Progress(tally) => write!(f, "{} files, {} bytes so far", tally.files(), tally.bytes),
            Self::Ends(tally, stopped, before) => {
                let Tally {
                    clean,
                    infected,
                    missing,
                    failed,
                    bytes,
                } = tally;
                let all = match stopped {
                    None => "scanned all",
                    Some(_) => "stopped before the last file; scanned",
                };
                write!(
                    f,
                    "{all}: {clean} clean, {infected} with malware removed, {missing} without bytes, {failed} not \
                     scanned; {bytes} bytes"
                )?;
                match stopped {
                    None => Ok(()),
                    Some(Stopped::Asked) => {
                        write!(f, "\nto go on: letsapp-server media rescan --scanned-before {before}")
                    }
                    Some(Stopped::Failed(error)) => write!(
                        f,
                        "\n{error}\nto go on: letsapp-server media rescan --scanned-before {before}"
                    ),
                }
            }
        }
    }
}

impl Line<'_> {
    fn json(&self) -> Value {
        match self {
            Self::Begins(before) => json!({"step": "begin", "scanned_before": before}),
            Self::File(RescannedFile {
                id,
                owner_id,
                size,
                outcome,
            }) => {
                let (word, detail) = match outcome {
                    RescanOutcome::Clean => ("clean", None),
                    RescanOutcome::Infected { signature } => ("infected", Some(signature.clone())),
                    RescanOutcome::Missing => ("missing", None),
                    RescanOutcome::Failed(error) => ("failed", Some(chain(&**error))),
                };
                json!({
                    "step": "file", "media_id": id, "owner_id": owner_id, "size": size, "outcome": word,
                    "detail": detail,
                })
            }
            Self::Progress(tally) => tally.json("progress"),
            Self::Ends(tally, stopped, before) => {
                let mut line = tally.json("end");
                line["complete"] = stopped.is_none().into();
                line["scanned_before"] = json!(before);
                if let Some(Stopped::Failed(error)) = stopped {
                    line["error"] = error.as_str().into();
                }
                line
            }
        }
    }
}

impl Tally {
    fn json(&self, step: &str) -> Value {
        let Self {
            clean,
            infected,
            missing,
            failed,
            bytes,
        } = self;
        json!({
            "step": step, "clean": clean, "infected": infected, "missing": missing, "failed": failed, "bytes": bytes,
        })
    }
}

fn say(report: Report, line: &Line<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match report {
        Report::Text => writeln!(out, "{line}")?,
        Report::Json => writeln!(out, "{}", line.json())?,
    }
    out.flush()
}

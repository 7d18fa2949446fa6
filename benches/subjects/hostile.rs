//! Latency between users while others attack the server: silent connections, connections that are never read, and
//! guesses at passwords, against the limits that a server has by default.
//!
//! The attackers come from as many addresses as their connections need, 256 each, and guess from one. They only get the
//! processor's time that server and users leave, as if they had computers of their own.

use std::io;

use letsapp_core::ports::BoxError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

use crate::{
    load::{Attack, Outcome, Pace, Pair, PairLoad, Receipts},
    process::Process,
    report::{Goal, Row},
    sample::Sample,
    scale::Scale,
    subjects::{Run, Server, Subject, with_commas},
    target::{Store, Target},
};

pub(super) const SUBJECT: Subject = Subject {
    name: "hostile",
    question: "Latency between users while others attack the server",
    server: Server::Needed,
    run,
};

/// Files that this process has open beside the silent connections: the other sockets, and some to spare.
const OTHER_FILES: u64 = 3_000;

/// Size of a run.
struct Size {
    pairs: usize,
    /// Messages per second of all pairs: one of each sender, a part of what the server can do.
    pace: f64,
    attack: Attack,
}

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut size = size(scale);
    let files = open_files()?;
    let most = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    if size.attack.silent > most {
        report.note(&format!(
            "{most} silent connections instead of {}, as `ulimit -Hn` allows no more files",
            size.attack.silent
        ))?;
        size.attack.silent = most;
    }

    let target = Target::limited_letsapp(&Store::Memory)?;
    let pairs = runtime.block_on(target.pairs(size.pairs))?;
    let sample = Sample::new();
    let normal = talk(&runtime, &target, &pairs, size.pace, scale, &sample)?;
    let attackers = size.attack.start(target.address())?;
    let attacked = talk(&runtime, &target, &pairs, size.pace, scale, &sample)?;
    let memory = target.process().resident_bytes()?;
    drop(attackers);

    let users = with_commas(2 * size.pairs as u64);
    for (percentile, goal) in [(50.0, None), (99.0, Some(Goal::RatioAtMost(2.0)))] {
        let label = format!("{users} users under attack, beside without: latency, p{percentile}");
        let millis = |outcome: &Outcome| outcome.delivery_millis(percentile / 100.0);
        let row = Row::new(label, "ms")
            .letsapp(millis(&attacked))
            .baseline(millis(&normal));
        report.row(row.goal(goal))?;
    }
    let Attack {
        silent,
        unread,
        guesses,
    } = size.attack;
    let label = format!(
        "memory with {} silent and {unread} unread connections, {guesses} logins/s",
        with_commas(silent as u64)
    );
    Ok(report.row(Row::new(label, "MiB").letsapp(memory as f64 / 1_048_576.0))?)
}

fn size(scale: Scale) -> Size {
    let of = |pairs, silent, unread, guesses| Size {
        pairs,
        pace: pairs as f64,
        attack: Attack {
            silent,
            unread,
            guesses,
        },
    };
    match scale {
        Scale::Check => of(5, 64, 5, 50),
        Scale::Quick => of(50, 2_048, 50, 200),
        Scale::Full => of(500, 16_384, 500, 1_000),
    }
}

/// Raises the number of files that this process may have open as far as it goes, and returns it.
fn open_files() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised)?;
    Process::current().open_files_limit()
}

fn talk(
    runtime: &Runtime,
    target: &Target,
    pairs: &[Pair],
    rate: f64,
    scale: Scale,
    sample: &Sample,
) -> io::Result<Outcome> {
    let load = PairLoad {
        pairs,
        pace: Pace::PerSecond(rate),
        receipts: Receipts::None,
        span: scale.span(),
        sample,
        server: target.process(),
    };
    runtime.block_on(load.run())
}

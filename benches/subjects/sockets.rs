//! Memory of idle authenticated sockets, ten thousand of them, beside the relay's.

use std::{io, time::Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use letsapp_core::ports::BoxError;
use tokio::runtime::Builder;

use crate::{
    load::{Endpoint, Socket},
    process::Process,
    report::{Goal, Row},
    scale::Scale,
    subjects::{Run, Server, Subject, with_commas},
    target::{Store, Target},
};

pub(super) const SUBJECT: Subject = Subject {
    name: "sockets",
    question: "Memory of an idle socket",
    server: Server::Needed,
    run,
};

/// Users who own the sockets. Signing up a user takes as long as connecting dozens of sockets.
const USERS: usize = 20;

/// Sockets that are measured.
const MANY: usize = 10_000;

/// Sockets that are measured in a build without optimisation, or if a process may not open enough files for [`MANY`].
const FEWER: usize = 1_000;

/// Sockets connected before: they use up the memory that the server's start and the hashing of passwords left free in
/// its allocator, which would hide what the measured ones take.
const BEFORE: usize = 8_000;

/// Handshakes at a time.
const CONNECTING: usize = 64;

/// Cost of idle sockets.
struct Idle {
    /// Memory per socket, in KiB.
    kibibytes: f64,
    /// Sockets connected per second.
    connected_rate: f64,
}

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let many = if scale == Scale::Check {
        FEWER
    } else if Process::current().open_files_limit()? > (BEFORE + MANY + 100) as u64 {
        MANY
    } else {
        report.note(&format!(
            "{FEWER} sockets instead of {MANY}, as `ulimit -n` allows no more files"
        ))?;
        FEWER
    };

    // One after the other, so that neither shares memory pages or the client's files with the other.
    let relay = runtime.block_on(idle(&Target::relay()?, many))?;
    let letsapp = runtime.block_on(idle(&Target::letsapp(&Store::Memory)?, many))?;

    let label = format!(
        "memory of one of {} idle sockets, beside the relay",
        with_commas(many as u64)
    );
    let row = Row::new(label, "KiB")
        .letsapp(letsapp.kibibytes)
        .baseline(relay.kibibytes);
    report.row(row.goal(Goal::RatioAtMost(1.5)))?;
    let label = format!(
        "{} sockets connected, beside the relay",
        with_commas((BEFORE + many) as u64)
    );
    let row = Row::new(label, "sockets/s").letsapp(letsapp.connected_rate);
    Ok(report.row(row.baseline(relay.connected_rate))?)
}

/// Connects the sockets before and `many` more, has each answer a ping, and measures what the latter added.
async fn idle(target: &Target, many: usize) -> io::Result<Idle> {
    let endpoints = target.endpoints(USERS, BEFORE + many).await?;
    let (first, second) = endpoints.split_at(BEFORE);
    let start = Instant::now();
    let mut sockets = connect(first).await?;
    ping(&mut sockets).await?;
    let before = target.process().resident_bytes()?;
    let mut others = connect(second).await?;
    ping(&mut others).await?;
    let grown = target.process().resident_bytes()?.saturating_sub(before);
    Ok(Idle {
        kibibytes: grown as f64 / 1_024.0 / others.len() as f64,
        connected_rate: endpoints.len() as f64 / start.elapsed().as_secs_f64(),
    })
}

/// Waits until each of the sockets has answered a ping.
async fn ping(sockets: &mut [Socket]) -> io::Result<()> {
    let pings = sockets.iter_mut().map(|socket| socket.request("ping", "{}"));
    stream::iter(pings)
        .buffer_unordered(CONNECTING)
        .try_collect::<()>()
        .await
}

async fn connect(endpoints: &[Endpoint]) -> io::Result<Vec<Socket>> {
    stream::iter(endpoints.iter().map(Socket::connect))
        .buffer_unordered(CONNECTING)
        .try_collect()
        .await
}

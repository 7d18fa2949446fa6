//! What does an idle signed-in socket cost, beside one in the bare relay? Do ten thousand of them work?

use std::{error::Error, io, path::Path, time::Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use letsapp_benches::{
    load::{Seat, Socket},
    process::Process,
    report::{Goal, Report, Row},
    target::{Store, Target},
};

const PEOPLE: usize = 20;
const MANY: usize = 10_000;
const FEWER: usize = 1_000;
/// Those before, which fill the room that the server's start and the hashing of passwords left in its allocator.
const BEFORE: usize = 8_000;
/// Handshakes at a time.
const CONNECTING: usize = 64;

struct Idle {
    kibibytes_each: f64,
    connected_rate: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut report = Report::new("sockets")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let many = if Process::current().open_files_limit()? > (BEFORE + MANY + 100) as u64 {
        MANY
    } else {
        report.note("ten thousand sockets: skipped, `ulimit -n` allows fewer files; here are a thousand")?;
        FEWER
    };

    let relay = Target::relay(Path::new(env!("CARGO_BIN_EXE_bare-relay")))?;
    let bare = runtime.block_on(idle(&relay, many))?;
    drop(relay);
    let ours = match Target::letsapp(&Store::Memory) {
        Ok(server) => Some(runtime.block_on(idle(&server, many))?),
        Err(reason) => {
            report.note(&format!("LetsApp: skipped, {reason}"))?;
            None
        }
    };

    let each = Row::new(format!("idle socket, one of {many} more that all answer"), "KiB").bare(bare.kibibytes_each);
    let each = each.ours(ours.as_ref().map(|idle| idle.kibibytes_each));
    report.row(&each.goal(Goal::RatioAtMost(1.5)))?;
    let connected = Row::new(format!("connecting {}", BEFORE + many), "sockets/s").bare(bare.connected_rate);
    report.row(&connected.ours(ours.as_ref().map(|idle| idle.connected_rate)))?;
    Ok(())
}

/// Connects so many behind those before, asks each for an answer, and tells what the later ones added.
async fn idle(target: &Target, many: usize) -> io::Result<Idle> {
    let seats = target.seats(PEOPLE, BEFORE + many).await?;
    let (first, second) = seats.split_at(BEFORE);
    let start = Instant::now();
    let mut sockets = connect(first).await?;
    answered(&mut sockets).await?;
    let before = target.process().resident_bytes()?;
    let mut others = connect(second).await?;
    answered(&mut others).await?;
    let grown = target.process().resident_bytes()?.saturating_sub(before);
    Ok(Idle {
        kibibytes_each: grown as f64 / 1_024.0 / others.len() as f64,
        connected_rate: seats.len() as f64 / start.elapsed().as_secs_f64(),
    })
}

/// Waits until each of the sockets has answered.
async fn answered(sockets: &mut [Socket]) -> io::Result<()> {
    let pings = sockets.iter_mut().map(|socket| socket.request("ping", "{}"));
    stream::iter(pings)
        .buffer_unordered(CONNECTING)
        .try_collect::<()>()
        .await
}

async fn connect(seats: &[Seat]) -> io::Result<Vec<Socket>> {
    stream::iter(seats.iter().map(Socket::connect))
        .buffer_unordered(CONNECTING)
        .try_collect()
        .await
}

//! What does an idle signed-in socket cost, beside one in the bare relay? Do ten thousand of them work?

use std::{error::Error, io, path::Path, time::Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use letsapp_benches::{
    load::{Seat, Socket},
    process::Process,
    report::{Goal, Report, Row},
    scale::Scale,
    target::{Store, Target},
};

const PEOPLE: usize = 20;
const MANY: usize = 10_000;
/// Handshakes at a time.
const CONNECTING: usize = 64;

struct Idle {
    kibibytes_each: f64,
    kibibytes_each_of_many: Option<f64>,
    connected_rate: Option<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let scale = Scale::from_env();
    let mut report = Report::new("sockets")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let few = scale.pick(500, 2_000);
    let many = Process::current().open_files_limit()? > MANY as u64 + 100;
    if !many {
        report.note("ten thousand sockets: skipped, `ulimit -n` allows fewer files")?;
    }

    let relay = Target::relay(Path::new(env!("CARGO_BIN_EXE_bare-relay")))?;
    let bare = runtime.block_on(idle(&relay, few, many))?;
    drop(relay);
    let ours = match Target::letsapp(&Store::Memory) {
        Ok(server) => Some(runtime.block_on(idle(&server, few, many))?),
        Err(reason) => {
            report.note(&format!("LetsApp: skipped, {reason}"))?;
            None
        }
    };
    let ours = |number: fn(&Idle) -> Option<f64>| ours.as_ref().and_then(number);

    let each = Row::new(format!("idle socket, one of {few}"), "KiB").bare(bare.kibibytes_each);
    report.row(
        &each
            .ours(ours(|idle| Some(idle.kibibytes_each)))
            .goal(Goal::RatioAtMost(1.5)),
    )?;
    if many {
        let each = Row::new(format!("idle socket, one of {MANY} that all answer"), "KiB");
        let each = each
            .bare(bare.kibibytes_each_of_many)
            .ours(ours(|idle| idle.kibibytes_each_of_many));
        report.row(&each.goal(Goal::RatioAtMost(1.5)))?;
        let connected = Row::new(format!("connecting {MANY}"), "sockets/s").bare(bare.connected_rate);
        report.row(&connected.ours(ours(|idle| idle.connected_rate)))?;
    }
    Ok(())
}

async fn idle(target: &Target, few: usize, many: bool) -> io::Result<Idle> {
    let seats = target.seats(PEOPLE, if many { MANY } else { few }).await?;
    // What the first connection makes a server set up once is no cost of a socket.
    let mut sockets = connect(&seats[..1]).await?;
    let before = target.process().resident_bytes()?;
    let kibibytes_each = |sockets: &[Socket]| -> io::Result<f64> {
        let grown = target.process().resident_bytes()?.saturating_sub(before);
        Ok(grown as f64 / 1_024.0 / (sockets.len() - 1) as f64)
    };
    sockets.extend(connect(&seats[1..few]).await?);
    let mut idle = Idle {
        kibibytes_each: kibibytes_each(&sockets)?,
        kibibytes_each_of_many: None,
        connected_rate: None,
    };
    if many {
        let start = Instant::now();
        sockets.extend(connect(&seats[few..]).await?);
        idle.connected_rate = Some((seats.len() - few) as f64 / start.elapsed().as_secs_f64());
        idle.kibibytes_each_of_many = Some(kibibytes_each(&sockets)?);
        let pings = sockets.iter_mut().map(|socket| socket.request("ping", "{}"));
        stream::iter(pings)
            .buffer_unordered(CONNECTING)
            .try_collect::<()>()
            .await?;
    }
    Ok(idle)
}

async fn connect(seats: &[Seat]) -> io::Result<Vec<Socket>> {
    stream::iter(seats.iter().map(Socket::connect))
        .buffer_unordered(CONNECTING)
        .try_collect()
        .await
}

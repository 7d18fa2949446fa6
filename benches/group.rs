//! What does a message to a group of 1,024, of whom 1,000 are connected, cost the server for each who gets it, beside the
//! bare socket write?
//!
//! The relay reads one frame and writes it to a thousand sockets, and does nothing else. Ours checks the message, stores
//! it, and finds out who is there; all that it does more is spread over those who get it. One message at a time is the
//! dearest for both: nothing shares a wake-up or a flush.

use std::{error::Error, io, path::Path};

use letsapp_benches::{
    load::{Outcome, Room, RoomLoad, Span},
    report::{Goal, Report, Row},
    sample::Sample,
    scale::Scale,
    target::{Store, Target},
};
use tokio::runtime::Runtime;

const MEMBERS: usize = 1_024;
const CONNECTED: usize = 1_000;
/// Microseconds of the server's CPU for each who gets a message, above what the relay takes.
const EXCESS: f64 = 2.0;

struct Bench {
    scale: Scale,
    sample: Sample,
    /// Of one thread: the client should cost as little as it can.
    runtime: Runtime,
}

/// What a delivery costs when messages come one by one, and when they come eight at a time.
struct Costs {
    one: Outcome,
    eight: Outcome,
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bench = Bench {
        scale: Scale::from_env(),
        sample: Sample::new(),
        runtime,
    };
    let mut report = Report::new("group")?;
    let bare = bench.costs(&Target::relay(Path::new(env!("CARGO_BIN_EXE_bare-relay")))?, CONNECTED)?;
    for store in [Store::Memory, Store::Sqlite] {
        let ours = match Target::letsapp(&store) {
            Ok(target) => Some(bench.costs(&target, MEMBERS)?),
            Err(reason) => {
                report.note(&format!("LetsApp on {store}: skipped, {reason}"))?;
                None
            }
        };
        let ours = |number: fn(&Costs) -> f64| ours.as_ref().map(number);
        let row = |name: &str, unit| Row::new(format!("{store}, {CONNECTED} of {MEMBERS} · relay, {name}"), unit);
        let cost = row("one message at a time", "µs server CPU/delivery");
        report.row(
            &cost
                .ours(ours(|ours| ours.one.server_micros()))
                .bare(bare.one.server_micros())
                .goal(Goal::ExcessAtMost(EXCESS)),
        )?;
        let cost = row("eight at a time", "µs server CPU/delivery");
        report.row(
            &cost
                .ours(ours(|ours| ours.eight.server_micros()))
                .bare(bare.eight.server_micros())
                .goal(Goal::ExcessAtMost(EXCESS)),
        )?;
        let rate = row("eight at a time", "deliveries/s").bare(bare.eight.delivered_rate());
        report.row(&rate.ours(ours(|ours| ours.eight.delivered_rate())))?;
    }
    Ok(())
}

impl Bench {
    fn costs(&self, target: &Target, members: usize) -> io::Result<Costs> {
        let mut room = self.runtime.block_on(target.room(members))?;
        room.members.truncate(CONNECTED);
        Ok(Costs {
            one: self.run(target, &room, 1)?,
            eight: self.run(target, &room, 8)?,
        })
    }

    fn run(&self, target: &Target, room: &Room, in_flight: u64) -> io::Result<Outcome> {
        let span = Span {
            warm_up: self.scale.warm_up(),
            measure: self.scale.measure(),
        };
        let (sample, server) = (&self.sample, target.process());
        self.runtime.block_on(
            RoomLoad {
                room,
                in_flight,
                span,
                sample,
                server,
            }
            .run(),
        )
    }
}

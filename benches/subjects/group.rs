//! Delivery to a group of 1,024 members with 1,000 connected, beside a relay that writes to as many sockets.
//!
//! The relay reads one frame and writes it to all sockets. LetsApp also checks the message, stores it, and finds the
//! connected members; the row shows what that adds to each delivery. One message in flight is the most expensive case
//! for both, as nothing shares a wake-up or a flush.

use std::io;

use letsapp_core::ports::BoxError;
use tokio::runtime::{Builder, Runtime};

use crate::{
    load::{Group, GroupLoad, Outcome},
    report::{Goal, Row},
    sample::Sample,
    scale::Scale,
    subjects::{Run, Server, Subject, with_commas},
    target::{Store, Target},
};

pub(super) const SUBJECT: Subject = Subject {
    name: "group",
    question: "Server's CPU time per delivery in a large group",
    server: Server::Needed,
    run,
};

const MEMBERS: usize = 1_024;
const CONNECTED: usize = 1_000;
/// Most microseconds of the server's CPU time that a delivery may take beyond the relay's.
const EXCESS_LIMIT: f64 = 2.0;

struct Bench {
    scale: Scale,
    sample: Sample,
    /// Has one thread, so that the load client costs as little as possible.
    runtime: Runtime,
}

/// Results with one message in flight, and with eight.
struct Costs {
    one: Outcome,
    eight: Outcome,
}

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    let bench = Bench {
        scale,
        sample: Sample::new(),
        runtime: Builder::new_current_thread().enable_all().build()?,
    };
    let relay = bench.costs(&Target::relay()?, CONNECTED)?;
    for store in [Store::Memory, Store::Sqlite] {
        let letsapp = bench.costs(&Target::letsapp(&store)?, MEMBERS)?;
        let row = |load: &str, unit| {
            let connected = format!(
                "{} of {} connected",
                with_commas(CONNECTED as u64),
                with_commas(MEMBERS as u64)
            );
            Row::new(format!("{store}: {connected}, {load}, beside the relay"), unit)
        };
        for (load, letsapp, relay) in [
            ("1 message in flight", &letsapp.one, &relay.one),
            ("8 messages in flight", &letsapp.eight, &relay.eight),
        ] {
            let cost = row(load, "µs server CPU/delivery").letsapp(letsapp.server_micros());
            let cost = cost.baseline(relay.server_micros());
            report.row(cost.goal(Goal::ExcessAtMost(EXCESS_LIMIT)))?;
        }
        let rate = row("deliveries with 8 in flight", "deliveries/s").letsapp(letsapp.eight.delivered_rate());
        report.row(rate.baseline(relay.eight.delivered_rate()))?;
    }
    Ok(())
}

impl Bench {
    fn costs(&self, target: &Target, members: usize) -> io::Result<Costs> {
        let mut group = self.runtime.block_on(target.group(members))?;
        group.members.truncate(CONNECTED);
        Ok(Costs {
            one: self.run(target, &group, 1)?,
            eight: self.run(target, &group, 8)?,
        })
    }

    fn run(&self, target: &Target, group: &Group, in_flight: u64) -> io::Result<Outcome> {
        let (span, sample, server) = (self.scale.span(), &self.sample, target.process());
        self.runtime.block_on(
            GroupLoad {
                group,
                in_flight,
                span,
                sample,
                server,
            }
            .run(),
        )
    }
}

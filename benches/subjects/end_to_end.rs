//! Messages from one user's socket through the store to another user's socket: rate, latency and CPU time.
//!
//! Fifty pairs talk over real sockets, with the server in a process of its own. Rates are compared to raw inserts of the
//! same rows, and the server's CPU time to the relay's, which also shows what the machine and the load client allow.

use std::io;

use letsapp_core::ports::BoxError;
use tokio::runtime::{Builder, Runtime};

use crate::{
    baseline::{
        mongodb::{InFlight, Messages},
        sqlite::Database,
    },
    load::{Group, GroupLoad, Outcome, Pace, Pair, PairLoad, Receipts},
    report::{Goal, Report, Row},
    sample::{Rows, Sample},
    scale::Scale,
    subjects::{NO_MONGODB, Run, Server, Subject, sync_disks},
    target::{Store, Target, scratch_directory},
};

pub(super) const SUBJECT: Subject = Subject {
    name: "end_to_end",
    question: "Rate, latency and server's CPU time of messages from socket to socket",
    server: Server::Needed,
    run,
};

/// Pairs of users who talk.
pub(super) const PAIRS: usize = 50;

/// Pace that keeps the server busy: 400 messages of all pairs in flight.
pub(super) const BUSY: Pace = Pace::InFlight(8);

/// Pace at which latency is measured: a small part of what the server can do, so that no message waits for another.
pub(super) const STEADY: Pace = Pace::PerSecond(500.0);

/// Members of the group.
const MEMBERS: usize = 500;

/// Rows per transaction or command of the raw inserts.
const RAW_BATCH: usize = 64;

struct Bench {
    scale: Scale,
    sample: Sample,
    /// Has one thread, so that the load client costs as little as possible.
    runtime: Runtime,
    report: Report,
}

/// Results of the loads on the relay: what the machine and the load client allow.
struct Relay {
    plain: Outcome,
    with_receipts: Outcome,
    steady: Outcome,
    group: Outcome,
}

/// Results of the loads on a store that keeps the messages.
struct Durable {
    plain: Outcome,
    with_receipts: Outcome,
    steady: Outcome,
}

fn run(run: Run) -> Result<(), BoxError> {
    let mut bench = Bench {
        scale: run.scale,
        sample: Sample::new(),
        runtime: Builder::new_current_thread().enable_all().build()?,
        report: run.report,
    };
    let relay = bench.relay()?;
    bench.report_relay(&relay)?;
    bench.memory(&relay)?;
    bench.durable(&Store::Sqlite, &relay, Bench::raw_sqlite)?;
    let Some(server) = letsapp_testkit::mongodb::shared() else {
        return Ok(bench.report.note(NO_MONGODB)?);
    };
    let store = Store::MongoDb(server.unique_database_uri());
    bench.durable(&store, &relay, |bench| bench.raw_mongodb(&server.unique_database_uri()))
}

impl Bench {
    fn relay(&self) -> io::Result<Relay> {
        let target = Target::relay()?;
        let pairs = self.runtime.block_on(target.pairs(PAIRS))?;
        let group = self.runtime.block_on(target.group(MEMBERS))?;
        Ok(Relay {
            plain: self.pairs(&target, &pairs, BUSY, Receipts::None)?,
            with_receipts: self.pairs(&target, &pairs, BUSY, Receipts::EachMessage)?,
            steady: self.pairs(&target, &pairs, STEADY, Receipts::None)?,
            group: self.group(&target, &group)?,
        })
    }

    fn report_relay(&mut self, relay: &Relay) -> io::Result<()> {
        let client = "µs client CPU/delivery";
        for (label, unit, value) in [
            ("relay: 50 pairs", "messages/s", relay.plain.complete_rate()),
            ("relay: 50 pairs", client, relay.plain.client_micros()),
            (
                "relay: 50 pairs with receipts",
                "messages/s",
                relay.with_receipts.complete_rate(),
            ),
            ("relay: group of 500", "deliveries/s", relay.group.delivered_rate()),
            ("relay: group of 500", client, relay.group.client_micros()),
        ] {
            self.report.row(Row::new(label, unit).baseline(value))?;
        }
        Ok(())
    }

    /// Measures the path between two sockets without the cost of a store.
    fn memory(&mut self, relay: &Relay) -> io::Result<()> {
        let target = Target::letsapp(&Store::Memory)?;
        let pairs = self.runtime.block_on(target.pairs(PAIRS))?;
        let outcome = self.pairs(&target, &pairs, BUSY, Receipts::None)?;
        let cpu = Row::new(
            "memory: server CPU per message, beside the relay",
            "µs server CPU/message",
        );
        let cpu = cpu
            .letsapp(outcome.server_micros())
            .baseline(relay.plain.server_micros());
        self.report.row(cpu.goal(Goal::RatioAtMost(3.0)))?;
        let rate = Row::new("memory: 50 pairs, beside the relay", "messages/s").letsapp(outcome.complete_rate());
        self.report.row(rate.baseline(relay.plain.complete_rate()))?;

        let group = self.runtime.block_on(target.group(MEMBERS))?;
        let outcome = self.group(&target, &group)?;
        let label = "memory: server CPU per delivery to a group of 500, beside the relay";
        let cpu = Row::new(label, "µs server CPU/delivery").letsapp(outcome.server_micros());
        let cpu = cpu.baseline(relay.group.server_micros());
        self.report.row(cpu.goal(Goal::RatioAtMost(2.0)))
    }

    /// Measures messages that are stored durably, acknowledged and delivered. `raw` measures the rate of raw inserts.
    fn durable(
        &mut self,
        store: &Store,
        relay: &Relay,
        raw: impl Fn(&Self) -> Result<f64, BoxError>,
    ) -> Result<(), BoxError> {
        let raw_before = raw(self)?;
        let target = Target::letsapp(store)?;
        let pairs = self.runtime.block_on(target.pairs(PAIRS))?;
        sync_disks();
        let letsapp = Durable {
            // First, as the disk is busy for a while after a flood of messages.
            steady: self.pairs(&target, &pairs, STEADY, Receipts::None)?,
            plain: self.pairs(&target, &pairs, BUSY, Receipts::None)?,
            with_receipts: self.pairs(&target, &pairs, BUSY, Receipts::EachMessage)?,
        };
        drop(target);
        // Before and after, as the speed of a disk changes: the mean is about that of the time between.
        let raw_rate = f64::midpoint(raw_before, raw(self)?);

        let row = |label: &str, unit| Row::new(format!("{store}: {label}"), unit);
        let rate = row("50 pairs, beside raw inserts", "messages/s").letsapp(letsapp.plain.complete_rate());
        self.report
            .row(rate.baseline(raw_rate).goal(Goal::RatioAtLeast(0.45)))?;
        let rate = row("50 pairs with receipts, beside raw inserts", "messages/s");
        let rate = rate.letsapp(letsapp.with_receipts.complete_rate()).baseline(raw_rate);
        self.report.row(rate.goal(Goal::RatioAtLeast(0.2)))?;
        let cpu = row("server CPU per message, beside the relay", "µs server CPU/message");
        let cpu = cpu
            .letsapp(letsapp.plain.server_micros())
            .baseline(relay.plain.server_micros());
        self.report.row(cpu)?;
        for (percentile, goal) in [(50.0, Some(3.0)), (99.0, Some(15.0)), (99.9, None)] {
            let quantile = percentile / 100.0;
            let latency = row(&format!("latency at 500/s, p{percentile}"), "ms");
            let latency = latency.letsapp(letsapp.steady.delivery_millis(quantile));
            let latency = latency.baseline(relay.steady.delivery_millis(quantile));
            self.report.row(latency.goal(goal.map(Goal::AtMost)))?;
        }
        Ok(())
    }

    fn raw_sqlite(&self) -> Result<f64, BoxError> {
        let directory = tempfile::tempdir_in(scratch_directory()?)?;
        let mut database = Database::create(&directory.path().join("baseline.sqlite"))?;
        let mut rows = Rows::new(&self.sample, PAIRS, 1);
        database.insert_for(self.scale.warm_up(), RAW_BATCH, &mut rows)?;
        Ok(database.insert_for(self.scale.measure(), RAW_BATCH, &mut rows)?.rate())
    }

    fn raw_mongodb(&self, uri: &str) -> Result<f64, BoxError> {
        let in_flight = InFlight {
            tasks: 4,
            batch: RAW_BATCH,
        };
        let mut rows = Rows::new(&self.sample, PAIRS, 1);
        self.runtime.block_on(async {
            let messages = Messages::create(uri).await?;
            messages.insert_for(self.scale.warm_up(), in_flight, &mut rows).await?;
            let inserted = messages.insert_for(self.scale.measure(), in_flight, &mut rows).await?;
            messages.drop_database().await?;
            Ok(inserted.rate())
        })
    }

    fn pairs(&self, target: &Target, pairs: &[Pair], pace: Pace, receipts: Receipts) -> io::Result<Outcome> {
        let (span, sample, server) = (self.scale.span(), &self.sample, target.process());
        self.runtime.block_on(
            PairLoad {
                pairs,
                pace,
                receipts,
                span,
                sample,
                server,
            }
            .run(),
        )
    }

    fn group(&self, target: &Target, group: &Group) -> io::Result<Outcome> {
        let (span, sample, server) = (self.scale.span(), &self.sample, target.process());
        self.runtime.block_on(
            GroupLoad {
                group,
                in_flight: 8,
                span,
                sample,
                server,
            }
            .run(),
        )
    }
}

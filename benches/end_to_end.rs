//! How many messages go all the way, from one person's socket over the store to another's, and what do they cost?
//!
//! 50 pairs over real sockets, with a server in a process of its own: beside the raw store for the rate, beside the
//! bare relay for the server's CPU time and for what the machine allows.

use std::{error::Error, io, path::Path, process::Command};

use letsapp_benches::{
    bare::{
        mongodb::{Messages, Outstanding},
        sqlite::{Database, Schema},
    },
    load::{Outcome, Pace, Pair, PairLoad, Receipts, Room, RoomLoad, Span},
    report::{Goal, Report, Row},
    sample::{Rows, Sample},
    scale::Scale,
    target::{Store, Target, scratch_directory},
};
use tokio::runtime::Runtime;

const PAIRS: usize = 50;
const IN_FLIGHT: Pace = Pace::InFlight(8);
const STEADY: Pace = Pace::PerSecond(500.0);
const ROOM: usize = 500;
const RAW_BATCH: usize = 64;

struct Bench {
    scale: Scale,
    sample: Sample,
    /// Of one thread: the client should cost as little as it can.
    runtime: Runtime,
    report: Report,
}

/// The same loads on the relay: what the machine and the client allow.
struct Relay {
    plain: Outcome,
    with_receipts: Outcome,
    steady: Outcome,
    room: Outcome,
}

/// The loads on a store that keeps what it is given.
struct Durable {
    plain: Outcome,
    with_receipts: Outcome,
    steady: Outcome,
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (scale, sample) = (Scale::from_env(), Sample::new());
    let mut bench = Bench {
        scale,
        sample,
        runtime,
        report: Report::new("end_to_end")?,
    };
    let relay = bench.relay()?;
    bench.report_relay(&relay)?;
    bench.memory(&relay)?;
    bench.durable(&Store::Sqlite, &relay, Bench::raw_sqlite)?;
    match letsapp_testkit::mongodb::shared() {
        Some(mongodb) => {
            let store = Store::MongoDb(mongodb.unique_database_uri());
            bench.durable(&store, &relay, |bench| {
                bench.raw_mongodb(&mongodb.unique_database_uri())
            })?;
        }
        None => bench.report.note("MongoDB: skipped, there is none on this machine")?,
    }
    Ok(())
}

/// Waits until the disk has all that was written before, by a build or as raw rows: every `fsync` waits for that too.
fn settle() {
    // Where there is no such command, the delays are measured as they are.
    let _ = Command::new("sync").status();
}

impl Bench {
    fn relay(&self) -> io::Result<Relay> {
        let target = Target::relay(Path::new(env!("CARGO_BIN_EXE_bare-relay")))?;
        let pairs = self.runtime.block_on(target.pairs(PAIRS))?;
        let room = self.runtime.block_on(target.room(ROOM))?;
        Ok(Relay {
            plain: self.pairs(&target, &pairs, IN_FLIGHT, Receipts::None)?,
            with_receipts: self.pairs(&target, &pairs, IN_FLIGHT, Receipts::EachMessage)?,
            steady: self.pairs(&target, &pairs, STEADY, Receipts::None)?,
            room: self.room(&target, &room)?,
        })
    }

    fn report_relay(&mut self, relay: &Relay) -> io::Result<()> {
        let client = "the client's own share, µs CPU/delivery";
        self.report
            .row(&Row::new("relay, pairs", "messages/s").bare(relay.plain.complete_rate()))?;
        self.report
            .row(&Row::new("relay, pairs", client).bare(relay.plain.client_micros()))?;
        self.report
            .row(&Row::new("relay, receipts", "messages/s").bare(relay.with_receipts.complete_rate()))?;
        self.report
            .row(&Row::new("relay, group of 500", "deliveries/s").bare(relay.room.delivered_rate()))?;
        self.report
            .row(&Row::new("relay, group of 500", client).bare(relay.room.client_micros()))
    }

    /// The socket path without a store's cost.
    fn memory(&mut self, relay: &Relay) -> Result<(), Box<dyn Error>> {
        let pairs = Row::new("memory, pairs", "µs server CPU/message").bare(relay.plain.server_micros());
        let pairs = pairs.goal(Goal::RatioAtMost(3.0));
        let room = Row::new("memory, group of 500", "µs server CPU/delivery").bare(relay.room.server_micros());
        let room = room.goal(Goal::RatioAtMost(2.0));
        let Some(target) = self.start(&Store::Memory)? else {
            self.report.row(&pairs)?;
            return Ok(self.report.row(&room)?);
        };
        let talkers = self.runtime.block_on(target.pairs(PAIRS))?;
        let outcome = self.pairs(&target, &talkers, IN_FLIGHT, Receipts::None)?;
        self.report.row(&pairs.ours(outcome.server_micros()))?;
        let rate = Row::new("memory, pairs", "messages/s").bare(relay.plain.complete_rate());
        self.report.row(&rate.ours(outcome.complete_rate()))?;
        let group = self.runtime.block_on(target.room(ROOM))?;
        let outcome = self.room(&target, &group)?;
        Ok(self.report.row(&room.ours(outcome.server_micros()))?)
    }

    /// Everything stored durably, acknowledged, and delivered, beside what `raw` says the bare store does.
    fn durable(
        &mut self,
        store: &Store,
        relay: &Relay,
        raw: impl Fn(&Self) -> Result<f64, Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let mut raw_rate = raw(self)?;
        let mut ours = None;
        if let Some(target) = self.start(store)? {
            let pairs = self.runtime.block_on(target.pairs(PAIRS))?;
            settle();
            ours = Some(Durable {
                // First: after a flood the disk is busy for a while with what it has still to put in its place.
                steady: self.pairs(&target, &pairs, STEADY, Receipts::None)?,
                plain: self.pairs(&target, &pairs, IN_FLIGHT, Receipts::None)?,
                with_receipts: self.pairs(&target, &pairs, IN_FLIGHT, Receipts::EachMessage)?,
            });
            drop(target);
            // Once more, for disks slow down and machines are shared: the mean is of the time that ours ran in.
            raw_rate = f64::midpoint(raw_rate, raw(self)?);
        }
        let ours = |number: fn(&Durable) -> f64| ours.as_ref().map(number);

        let row = |name: &str, unit| Row::new(format!("{store}, {name}"), unit);
        let rate = row("pairs", "messages/s")
            .bare(raw_rate)
            .ours(ours(|ours| ours.plain.complete_rate()));
        self.report.row(&rate.goal(Goal::RatioAtLeast(0.45)))?;
        let rate = row("pairs with receipts", "messages/s").bare(raw_rate);
        let rate = rate.ours(ours(|ours| ours.with_receipts.complete_rate()));
        self.report.row(&rate.goal(Goal::RatioAtLeast(0.2)))?;
        let cpu = row("pairs", "µs server CPU/message").bare(relay.plain.server_micros());
        self.report.row(&cpu.ours(ours(|ours| ours.plain.server_micros())))?;
        let p50 = row("500/s, due to delivered, p50", "ms").bare(milliseconds(&relay.steady, 0.5));
        self.report.row(
            &p50.ours(ours(|ours| milliseconds(&ours.steady, 0.5)))
                .goal(Goal::AtMost(3.0)),
        )?;
        let p99 = row("500/s, due to delivered, p99", "ms").bare(milliseconds(&relay.steady, 0.99));
        self.report.row(
            &p99.ours(ours(|ours| milliseconds(&ours.steady, 0.99)))
                .goal(Goal::AtMost(15.0)),
        )?;
        let p999 = row("500/s, due to delivered, p99.9", "ms").bare(milliseconds(&relay.steady, 0.999));
        Ok(self
            .report
            .row(&p999.ours(ours(|ours| milliseconds(&ours.steady, 0.999))))?)
    }

    fn raw_sqlite(&self) -> Result<f64, Box<dyn Error>> {
        let directory = tempfile::tempdir_in(scratch_directory()?)?;
        let mut database = Database::create(&directory.path().join("bare.sqlite"), Schema::plain())?;
        let mut rows = Rows::new(&self.sample, PAIRS, 1);
        database.insert_for(self.scale.warm_up(), RAW_BATCH, &mut rows)?;
        Ok(database.insert_for(self.scale.measure(), RAW_BATCH, &mut rows)?.rate())
    }

    fn raw_mongodb(&self, uri: &str) -> Result<f64, Box<dyn Error>> {
        let outstanding = Outstanding {
            tasks: 4,
            batch: RAW_BATCH,
        };
        let mut rows = Rows::new(&self.sample, PAIRS, 1);
        self.runtime.block_on(async {
            let messages = Messages::create(uri).await?;
            messages
                .insert_for(self.scale.warm_up(), outstanding, &mut rows)
                .await?;
            let inserted = messages
                .insert_for(self.scale.measure(), outstanding, &mut rows)
                .await?;
            messages.drop_database().await?;
            Ok(inserted.rate())
        })
    }

    fn start(&mut self, store: &Store) -> io::Result<Option<Target>> {
        match Target::letsapp(store) {
            Ok(target) => Ok(Some(target)),
            Err(reason) => {
                self.report.note(&format!("LetsApp on {store}: skipped, {reason}"))?;
                Ok(None)
            }
        }
    }

    fn pairs(&self, target: &Target, pairs: &[Pair], pace: Pace, receipts: Receipts) -> io::Result<Outcome> {
        let (span, sample, server) = (self.span(), &self.sample, target.process());
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

    fn room(&self, target: &Target, room: &Room) -> io::Result<Outcome> {
        let (span, sample, server) = (self.span(), &self.sample, target.process());
        self.runtime.block_on(
            RoomLoad {
                room,
                in_flight: 8,
                span,
                sample,
                server,
            }
            .run(),
        )
    }

    fn span(&self) -> Span {
        Span {
            warm_up: self.scale.warm_up(),
            measure: self.scale.measure(),
        }
    }
}

fn milliseconds(outcome: &Outcome, quantile: f64) -> f64 {
    outcome.to_delivery.quantile(quantile).as_secs_f64() * 1e3
}

//! Two servers with Redis between them, beside one server: rate, latency, and Redis' share of the cost.
//!
//! All servers have the same two cores, so that two of them have no more to work with than one.

use std::{io, net::SocketAddr};

use letsapp_core::ports::BoxError;
use letsapp_testkit::redis::Redis;
use tokio::runtime::{Builder, Runtime};

use crate::{
    load::{Endpoint, Outcome, Pace, Pair, PairLoad, Receipts},
    process::Process,
    report::{Goal, Report, Row},
    sample::Sample,
    scale::Scale,
    subjects::{
        NO_MONGODB, Run, Server, Subject,
        end_to_end::{BUSY, PAIRS, STEADY},
        sync_disks,
    },
    target::{Store, Target},
};

pub(super) const SUBJECT: Subject = Subject {
    name: "cluster",
    question: "Two servers with Redis beside one: rate, latency, Redis' CPU time",
    server: Server::Needed,
    run,
};

struct Bench<'a> {
    runtime: Runtime,
    scale: Scale,
    sample: Sample,
    redis: &'a Redis,
}

/// Two servers of one installation.
struct Servers {
    first: Target,
    second: Target,
}

/// Results of the same loads.
struct Outcomes {
    busy: Outcome,
    steady: Outcome,
}

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    let Some(mongodb) = letsapp_testkit::mongodb::shared() else {
        return Ok(report.note(NO_MONGODB)?);
    };
    let Some(redis) = Redis::start() else {
        return Ok(report.note("skipped: there is no Redis on this machine")?);
    };
    let bench = Bench {
        // One thread, so that the load client costs as little as possible.
        runtime: Builder::new_current_thread().enable_all().build()?,
        scale,
        sample: Sample::new(),
        redis: &redis,
    };
    let [alone, shared] = [(); 2].map(|()| Store::MongoDb(mongodb.unique_database_uri()));
    let one = bench.one(&alone)?;
    let servers = Servers {
        first: Target::letsapp_on_bus(&shared, redis.url())?,
        second: Target::letsapp_on_bus(&shared, redis.url())?,
    };
    bench.two(&servers, &one, &mut report)
}

impl Bench<'_> {
    /// Measures a server without a bus.
    fn one(&self, store: &Store) -> io::Result<Outcomes> {
        let target = Target::letsapp(store)?;
        let pairs = self.runtime.block_on(target.pairs(PAIRS))?;
        self.outcomes(&pairs, target.process())
    }

    fn two(&self, servers: &Servers, one: &Outcomes, report: &mut Report) -> Result<(), BoxError> {
        let pairs = self.runtime.block_on(servers.first.pairs(PAIRS))?;
        let redis = Process::new(self.redis.id());
        let same = self.outcomes(&servers.together(&pairs), redis)?;
        let across = self.outcomes(&servers.across(&pairs), redis)?;
        for (users, outcomes, goal) in [
            ("on the same server", &same, 0.85),
            ("on different servers", &across, 0.6),
        ] {
            let label = format!("2 servers, {PAIRS} pairs {users}, beside 1 server");
            let rate = Row::new(label, "messages/s").letsapp(outcomes.busy.complete_rate());
            let rate = rate.baseline(one.busy.complete_rate());
            report.row(rate.goal(Goal::RatioAtLeast(goal)))?;
        }
        for (load, outcome) in [("busy", &across.busy), ("500/s", &across.steady)] {
            let label = format!("2 servers, pairs on different servers, {load}: Redis' CPU per message");
            let cost = Row::new(label, "µs CPU").letsapp(outcome.server_micros());
            report.row(cost.goal(Goal::AtMost(15.0)))?;
        }
        for percentile in [50.0, 99.0] {
            let millis = |outcomes: &Outcomes| outcomes.steady.delivery_millis(percentile / 100.0);
            let label = format!("2 servers, pairs on different servers, 500/s: p{percentile}, beside 1 server");
            let latency = Row::new(label, "ms").letsapp(millis(&across)).baseline(millis(one));
            report.row(latency.goal(Goal::RatioAtMost(1.5)))?;
        }
        Ok(())
    }

    fn outcomes(&self, pairs: &[Pair], watched: Process) -> io::Result<Outcomes> {
        sync_disks();
        Ok(Outcomes {
            // First, as the disk is busy for a while after a flood of messages.
            steady: self.pairs(pairs, STEADY, watched)?,
            busy: self.pairs(pairs, BUSY, watched)?,
        })
    }

    fn pairs(&self, pairs: &[Pair], pace: Pace, watched: Process) -> io::Result<Outcome> {
        let load = PairLoad {
            pairs,
            pace,
            receipts: Receipts::None,
            span: self.scale.span(),
            sample: &self.sample,
            server: watched,
        };
        self.runtime.block_on(load.run())
    }
}

impl Servers {
    /// Puts both users of a pair on one server, and every other pair on the second.
    fn together(&self, pairs: &[Pair]) -> Vec<Pair> {
        let place = |(number, pair): (usize, &Pair)| {
            let address = self.address(number);
            Pair {
                sender: at(address, &pair.sender),
                receiver: at(address, &pair.receiver),
                ..pair.clone()
            }
        };
        pairs.iter().enumerate().map(place).collect()
    }

    /// Puts the users of a pair on different servers.
    fn across(&self, pairs: &[Pair]) -> Vec<Pair> {
        let place = |(number, pair): (usize, &Pair)| Pair {
            sender: at(self.address(number), &pair.sender),
            receiver: at(self.address(number + 1), &pair.receiver),
            ..pair.clone()
        };
        pairs.iter().enumerate().map(place).collect()
    }

    fn address(&self, number: usize) -> SocketAddr {
        if number.is_multiple_of(2) {
            self.first.address()
        } else {
            self.second.address()
        }
    }
}

fn at(address: SocketAddr, endpoint: &Endpoint) -> Endpoint {
    Endpoint {
        address,
        ..endpoint.clone()
    }
}

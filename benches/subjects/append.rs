//! Rate at which messages are stored, beside a store that gets the same rows with the same durability and indexes.
//!
//! LetsApp sends by `MessageService::send`: each message is checked, fingerprinted, indexed for search, numbered, and
//! published. The baseline gets rows that are ready, and puts as many into a transaction as there are senders.

use std::time::Duration;

use letsapp_core::ports::BoxError;
use tokio::runtime::Runtime;

use crate::{
    baseline::{
        memory::Map,
        mongodb::{self, InFlight, Messages},
        sqlite::Database,
    },
    compare::{Rates, Throughput, compare_rates},
    embedded::Embedded,
    report::{Goal, Report, Row},
    sample::{Rows, Sample},
    scale::Scale,
    subjects::{NO_MONGODB, Run, Server, Subject},
    target::{Store, scratch_directory},
};

pub(super) const SUBJECT: Subject = Subject {
    name: "append",
    question: "Rate at which messages are stored",
    server: Server::NotNeeded,
    run,
};

struct Bench {
    scale: Scale,
    sample: Sample,
    runtime: Runtime,
    report: Report,
}

/// Conversations that the senders send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conversations {
    /// A conversation for each sender.
    Own,
    /// A single group for all senders.
    One,
}

fn run(run: Run) -> Result<(), BoxError> {
    let mut bench = Bench {
        scale: run.scale,
        sample: Sample::new(),
        runtime: Runtime::new()?,
        report: run.report,
    };
    for senders in [1, 8, 64] {
        let rates = bench.memory(senders)?;
        let label = format!("memory: {}, beside a map", text(senders, Conversations::Own));
        bench.row(label, rates, None)?;
    }
    for (senders, conversations, goal) in [
        (1, Conversations::Own, None),
        (8, Conversations::Own, None),
        (64, Conversations::Own, Some(0.6)),
        (64, Conversations::One, Some(0.4)),
    ] {
        let rates = bench.sqlite(senders, conversations)?;
        let (text, rows) = (text(senders, conversations), if senders == 1 { "row" } else { "rows" });
        bench.row(
            format!("SQLite: {text}, beside {senders} {rows} a transaction"),
            rates,
            goal,
        )?;
    }

    let Some(server) = letsapp_testkit::mongodb::shared() else {
        return Ok(bench.report.note(NO_MONGODB)?);
    };
    for (senders, conversations, tasks, batch, goal) in [
        (1, Conversations::Own, 1, 1, None),
        (8, Conversations::Own, 8, 1, None),
        (64, Conversations::Own, 64, 1, None),
        (256, Conversations::Own, 4, 64, Some(0.7)),
        (256, Conversations::One, 4, 64, Some(0.4)),
    ] {
        let uris = [server.unique_database_uri(), server.unique_database_uri()];
        let rates = bench.mongodb(&uris, senders, conversations, InFlight { tasks, batch })?;
        let text = text(senders, conversations);
        bench.row(
            format!("MongoDB: {text}, beside {tasks} × {batch} in flight"),
            rates,
            goal,
        )?;
    }
    Ok(())
}

impl Bench {
    fn row(&mut self, label: String, rates: Rates, goal: Option<f64>) -> Result<(), BoxError> {
        let row = Row::new(label, "messages/s").letsapp(rates.letsapp.rate());
        let row = row.baseline(rates.baseline.rate());
        Ok(self.report.row(row.goal(goal.map(Goal::RatioAtLeast)))?)
    }

    fn memory(&self, senders: usize) -> Result<Rates, BoxError> {
        let map = Map::default();
        let mut rows = Rows::new(&self.sample, senders, 1);
        self.compare(&Store::Memory, senders, Conversations::Own, |turn| {
            Ok::<_, BoxError>(map.insert_for(turn, &mut rows))
        })
    }

    fn sqlite(&self, senders: usize, conversations: Conversations) -> Result<Rates, BoxError> {
        let directory = tempfile::tempdir_in(scratch_directory()?)?;
        let mut database = Database::create(&directory.path().join("baseline.sqlite"))?;
        let mut rows = Rows::new(&self.sample, conversations.of(senders), 1);
        self.compare(&Store::Sqlite, senders, conversations, |turn| {
            database.insert_for(turn, senders, &mut rows)
        })
    }

    fn mongodb(
        &self,
        [letsapp, baseline]: &[String; 2],
        senders: usize,
        conversations: Conversations,
        in_flight: InFlight,
    ) -> Result<Rates, BoxError> {
        let messages = self.runtime.block_on(Messages::create(baseline))?;
        let mut rows = Rows::new(&self.sample, conversations.of(senders), 1);
        let rates = self.compare(&Store::MongoDb(letsapp.clone()), senders, conversations, |turn| {
            self.runtime.block_on(messages.insert_for(turn, in_flight, &mut rows))
        })?;
        self.runtime.block_on(async {
            messages.drop_database().await?;
            // LetsApp's database on the same server. Whatever a measurement leaves behind slows down the next.
            mongodb::drop_database(letsapp).await
        })?;
        Ok(rates)
    }

    /// Compares the senders of LetsApp, on a store of its own, with `baseline`.
    fn compare<E: Into<BoxError>>(
        &self,
        store: &Store,
        senders: usize,
        conversations: Conversations,
        baseline: impl FnMut(Duration) -> Result<Throughput, E>,
    ) -> Result<Rates, BoxError> {
        let (letsapp, participants) = self.runtime.block_on(async {
            let letsapp = Embedded::on(store).await?;
            let participants = match conversations {
                Conversations::Own => letsapp.direct_conversations(senders).await?.1,
                Conversations::One => letsapp.group(senders).await?,
            };
            Ok::<_, BoxError>((letsapp, participants))
        })?;
        let rates = compare_rates(
            self.scale.measure(),
            |turn| {
                self.runtime
                    .block_on(letsapp.send_for(turn, &participants, &self.sample))
            },
            baseline,
        );
        self.runtime.block_on(letsapp.shutdown());
        rates
    }
}

impl Conversations {
    /// Returns the number of conversations that so many senders need.
    const fn of(self, senders: usize) -> usize {
        match self {
            Self::Own => senders,
            Self::One => 1,
        }
    }
}

fn text(senders: usize, conversations: Conversations) -> String {
    match (senders, conversations) {
        (1, _) => "1 sender".into(),
        (_, Conversations::Own) => format!("{senders} senders"),
        (_, Conversations::One) => format!("{senders} senders in one group"),
    }
}

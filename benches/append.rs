//! How fast are messages stored, beside the bare store doing the same rows with the same durability and indexes?
//!
//! Ours goes through `MessageService::send`: checked, fingerprinted, made searchable, given its place, published. The
//! bare store gets rows that are ready, and may put as many into a transaction or a command as there are senders.

use std::time::Duration;

use letsapp_benches::{
    bare::{
        Inserted,
        memory::Map,
        mongodb::{self, Messages, Outstanding},
        sqlite::{Database, Schema},
    },
    embedded::Embedded,
    report::{Goal, Report, Row},
    sample::{Rows, Sample},
    scale::Scale,
    target::{Store, scratch_directory},
    turns::{Duel, by_turns},
};
use letsapp_core::storage::BoxError;
use tokio::runtime::Runtime;

struct Bench {
    scale: Scale,
    sample: Sample,
    runtime: Runtime,
    report: Report,
}

/// Where the senders send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conversations {
    /// Each to a conversation of their own.
    Own,
    /// All to one.
    One,
}

fn main() -> Result<(), BoxError> {
    let mut bench = Bench {
        scale: Scale::from_env(),
        sample: Sample::new(),
        runtime: Runtime::new()?,
        report: Report::new("append")?,
    };
    for senders in [1, 8, 64] {
        let duel = bench.memory(senders)?;
        bench.row(format!("memory, {senders} senders · a map"), duel, None)?;
    }
    for (senders, goal) in [(1, None), (8, None), (64, Some(0.6))] {
        let duel = bench.sqlite(senders, Conversations::Own)?;
        bench.row(
            format!("SQLite, {senders} senders · {senders} to a transaction"),
            duel,
            goal,
        )?;
    }
    let duel = bench.sqlite(64, Conversations::One)?;
    bench.row(
        "SQLite, 64 in one conversation · 64 to a transaction".into(),
        duel,
        Some(0.4),
    )?;

    let Some(mongodb) = letsapp_testkit::mongodb::shared() else {
        return Ok(bench.report.note("MongoDB: skipped, there is none on this machine")?);
    };
    for (senders, tasks, batch, goal) in [
        (1, 1, 1, None),
        (8, 8, 1, None),
        (64, 64, 1, None),
        (256, 4, 64, Some(0.7)),
    ] {
        let name = format!("MongoDB, {senders} senders · {tasks} × {batch} outstanding");
        let uris = [mongodb.unique_database_uri(), mongodb.unique_database_uri()];
        let duel = bench.mongodb(&uris, senders, Conversations::Own, Outstanding { tasks, batch })?;
        bench.row(name, duel, goal)?;
    }
    let uris = [mongodb.unique_database_uri(), mongodb.unique_database_uri()];
    let outstanding = Outstanding { tasks: 4, batch: 64 };
    let duel = bench.mongodb(&uris, 256, Conversations::One, outstanding)?;
    bench.row(
        "MongoDB, 256 in one conversation · 4 × 64 outstanding".into(),
        duel,
        Some(0.4),
    )
}

impl Bench {
    fn row(&mut self, name: String, duel: Duel, goal: Option<f64>) -> Result<(), BoxError> {
        let row = Row::new(name, "messages/s")
            .ours(duel.ours.rate())
            .bare(duel.bare.rate());
        Ok(self.report.row(&match goal {
            Some(ratio) => row.goal(Goal::RatioAtLeast(ratio)),
            None => row,
        })?)
    }

    fn memory(&self, senders: usize) -> Result<Duel, BoxError> {
        let map = Map::default();
        let mut rows = Rows::new(&self.sample, senders, 1);
        self.beside(&Store::Memory, senders, Conversations::Own, |turn| {
            Ok::<_, BoxError>(map.insert_for(turn, &mut rows))
        })
    }

    fn sqlite(&self, senders: usize, conversations: Conversations) -> Result<Duel, BoxError> {
        let directory = tempfile::tempdir_in(scratch_directory()?)?;
        let mut database = Database::create(&directory.path().join("bare.sqlite"), Schema::plain())?;
        let mut rows = Rows::new(&self.sample, conversations.of(senders), 1);
        self.beside(&Store::Sqlite, senders, conversations, |turn| {
            database.insert_for(turn, senders, &mut rows)
        })
    }

    fn mongodb(
        &self,
        [ours, bare]: &[String; 2],
        senders: usize,
        conversations: Conversations,
        outstanding: Outstanding,
    ) -> Result<Duel, BoxError> {
        let messages = self.runtime.block_on(Messages::create(bare))?;
        let mut rows = Rows::new(&self.sample, conversations.of(senders), 1);
        let duel = self.beside(&Store::MongoDb(ours.clone()), senders, conversations, |turn| {
            self.runtime.block_on(messages.insert_for(turn, outstanding, &mut rows))
        })?;
        self.runtime.block_on(async {
            messages.drop_database().await?;
            // Ours is another database on the same server; what a bench leaves behind slows the next one down.
            mongodb::drop_database(ours).await
        })?;
        Ok(duel)
    }

    /// Has ours and bare take turns.
    fn beside<E: Into<BoxError>>(
        &self,
        store: &Store,
        senders: usize,
        conversations: Conversations,
        bare: impl FnMut(Duration) -> Result<Inserted, E>,
    ) -> Result<Duel, BoxError> {
        let (ours, talkers) = self.runtime.block_on(async {
            let ours = Embedded::on(store).await?;
            let talkers = match conversations {
                Conversations::Own => ours.apart(senders).await?,
                Conversations::One => ours.together(senders).await?,
            };
            Ok::<_, BoxError>((ours, talkers))
        })?;
        let duel = by_turns(
            self.scale.measure(),
            |turn| self.runtime.block_on(ours.send_for(turn, &talkers, &self.sample)),
            bare,
        );
        self.runtime.block_on(ours.shutdown());
        duel
    }
}

impl Conversations {
    const fn of(self, senders: usize) -> usize {
        match self {
            Self::Own => senders,
            Self::One => 1,
        }
    }
}

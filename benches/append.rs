//! How fast are messages stored, beside the bare store doing the same rows with the same durability and indexes?

use std::{error::Error, time::Duration};

use letsapp_benches::{
    bare::{
        Inserted,
        mongodb::{Messages, Outstanding},
        sqlite::{Database, Schema},
    },
    report::{Report, Row},
    sample::{Rows, Sample},
    scale::Scale,
    target::scratch_directory,
};

/// As many as there are pairs in the end-to-end bench.
const CONVERSATIONS: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let (scale, sample) = (Scale::from_env(), Sample::new());
    let mut report = Report::new("append")?;

    for batch in [1, 8, 64] {
        let inserted = bare_sqlite(scale.measure(), batch, &sample)?;
        let name = format!("SQLite, bare, {batch} to a transaction");
        report.row(&Row::new(name, "messages/s").bare(inserted.rate()))?;
    }

    let runtime = tokio::runtime::Runtime::new()?;
    let Some(mongodb) = letsapp_testkit::mongodb::shared() else {
        report.note("MongoDB: skipped, there is none on this machine")?;
        return Ok(());
    };
    for outstanding in [(1, 1), (8, 1), (64, 1), (4, 64)].map(|(tasks, batch)| Outstanding { tasks, batch }) {
        let inserted = runtime.block_on(bare_mongodb(
            &mongodb.unique_database_uri(),
            scale.measure(),
            outstanding,
            &sample,
        ))?;
        let name = format!(
            "MongoDB, bare, {} × {} outstanding",
            outstanding.tasks, outstanding.batch
        );
        report.row(&Row::new(name, "messages/s").bare(inserted.rate()))?;
    }
    Ok(())
}

fn bare_sqlite(duration: Duration, batch: usize, sample: &Sample) -> Result<Inserted, Box<dyn Error>> {
    let directory = tempfile::tempdir_in(scratch_directory()?)?;
    let mut database = Database::create(&directory.path().join("bare.sqlite"), Schema::plain())?;
    let mut rows = Rows::new(sample, CONVERSATIONS, 1);
    database.insert_for(duration / 5, batch, &mut rows)?;
    Ok(database.insert_for(duration, batch, &mut rows)?)
}

async fn bare_mongodb(
    uri: &str,
    duration: Duration,
    outstanding: Outstanding,
    sample: &Sample,
) -> Result<Inserted, Box<dyn Error>> {
    let messages = Messages::create(uri).await?;
    let mut rows = Rows::new(sample, CONVERSATIONS, 1);
    messages.insert_for(duration / 5, outstanding, &mut rows).await?;
    let inserted = messages.insert_for(duration, outstanding, &mut rows).await?;
    messages.drop_database().await?;
    Ok(inserted)
}

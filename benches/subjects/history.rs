//! Pages of history in a long conversation, beside pages in a short one.
//!
//! Pages of 50 messages from random places, read by `MessageService::history`, with the membership checked. Both
//! conversations are LetsApp's, in the same store: the short one is the baseline.

use std::time::{Duration, Instant};

use letsapp_core::{
    domain::{id::Seq, page::Limit},
    ports::{BoxError, Range},
};
use tokio::runtime::Runtime;

use crate::{
    compare::{Throughput, compare_rates},
    embedded::{Embedded, Participant},
    fill::fill,
    report::{Goal, Report, Row},
    sample::SplitMix,
    scale::Scale,
    subjects::{NO_MONGODB, Run, Server, Subject, with_commas},
    target::Store,
};

pub(super) const SUBJECT: Subject = Subject {
    name: "history",
    question: "Time of a page from a long conversation, beside a short one",
    server: Server::NotNeeded,
    run,
};

/// Messages in the short conversation.
const SHORT: u64 = 1_000;

const PAGE: Limit = Limit::new(50).expect("a page of 50 is allowed");

fn run(run: Run) -> Result<(), BoxError> {
    let (scale, runtime, mut report) = (run.scale, Runtime::new()?, run.report);
    pages(
        &runtime,
        &mut report,
        scale,
        &Store::Sqlite,
        scale.messages(50_000, 1_000_000),
    )?;
    // A million takes a minute to store, which `--million` asks for.
    let on_mongodb = run.mongodb_history.unwrap_or(scale.messages(20_000, 200_000));
    match letsapp_testkit::mongodb::shared() {
        Some(mongodb) => {
            let store = Store::MongoDb(mongodb.unique_database_uri());
            pages(&runtime, &mut report, scale, &store, on_mongodb)
        }
        None => Ok(report.note(NO_MONGODB)?),
    }
}

fn pages(runtime: &Runtime, report: &mut Report, scale: Scale, store: &Store, long: u64) -> Result<(), BoxError> {
    let (letsapp, conversations) = runtime.block_on(async {
        let letsapp = Embedded::on(store).await?;
        let (_, conversations) = letsapp.direct_conversations(2).await?;
        fill(&letsapp, &conversations[..1], long).await?;
        fill(&letsapp, &conversations[1..], SHORT).await?;
        Ok::<_, BoxError>((letsapp, conversations))
    })?;
    let mut random = [SplitMix::new(1), SplitMix::new(2)];
    let [of_long, of_short] = &mut random;
    let rates = compare_rates(
        scale.measure(),
        |turn| runtime.block_on(read_for(&letsapp, &conversations[0], long, of_long, turn)),
        |turn| runtime.block_on(read_for(&letsapp, &conversations[1], SHORT, of_short, turn)),
    )?;
    runtime.block_on(letsapp.shutdown());
    let row = Row::new(
        format!(
            "{store}: page of 50 from {} messages, beside {}",
            with_commas(long),
            with_commas(SHORT)
        ),
        "µs/page",
    );
    let row = row.letsapp(rates.letsapp.micros()).baseline(rates.baseline.micros());
    Ok(report.row(row.goal(Goal::RatioAtMost(1.5)))?)
}

/// Reads pages for about `duration`.
async fn read_for(
    letsapp: &Embedded,
    participant: &Participant,
    length: u64,
    random: &mut SplitMix,
    duration: Duration,
) -> Result<Throughput, BoxError> {
    let (start, mut pages) = (Instant::now(), 0);
    let full = PAGE.get() as u64;
    while start.elapsed() < duration {
        let before = Range::Before(Seq(full + 1 + random.next_u64() % (length - full)));
        let messages = letsapp.app().messages();
        let page = messages
            .history(&participant.principal, participant.conversation, before, PAGE)
            .await?;
        if page.items.len() != PAGE.get() {
            return Err(format!("a page of {} messages", page.items.len()).into());
        }
        pages += 1;
    }
    Ok(Throughput {
        count: pages,
        elapsed: start.elapsed(),
    })
}

//! Does a page of history cost more in a long conversation than in a short one?
//!
//! Pages of 50 through `MessageService::history`, from random places, membership checked. "Ours" is the long
//! conversation, "bare" the short one in the same store.

use std::time::{Duration, Instant};

use letsapp_benches::{
    bare::Inserted,
    embedded::{Embedded, Talker},
    filling::fill,
    report::{Goal, Report, Row},
    sample::SplitMix,
    scale::Scale,
    target::Store,
    turns::by_turns,
};
use letsapp_core::{id::Seq, messages::Range, page::Limit, storage::BoxError};
use tokio::runtime::Runtime;

const SHORT: u64 = 1_000;
const PAGE: Limit = Limit::new(50).expect("a page of 50 is allowed");

fn main() -> Result<(), BoxError> {
    let (scale, runtime) = (Scale::from_env(), Runtime::new()?);
    let mut report = Report::new("history")?;
    let million = std::env::args().any(|argument| argument == "--million");
    let of_sqlite = scale.pick(50_000, 1_000_000);
    // MongoDB takes a minute for a million; `--million` waits for it.
    let of_mongodb = if million {
        1_000_000
    } else {
        scale.pick(20_000, 200_000)
    };

    pages(&runtime, &mut report, scale, &Store::Sqlite, of_sqlite)?;
    match letsapp_testkit::mongodb::shared() {
        Some(mongodb) => {
            let store = Store::MongoDb(mongodb.unique_database_uri());
            pages(&runtime, &mut report, scale, &store, of_mongodb)
        }
        None => Ok(report.note("MongoDB: skipped, there is none on this machine")?),
    }
}

fn pages(runtime: &Runtime, report: &mut Report, scale: Scale, store: &Store, long: u64) -> Result<(), BoxError> {
    let (ours, conversations) = runtime.block_on(async {
        let ours = Embedded::on(store).await?;
        let conversations = ours.apart(2).await?;
        fill(&ours, &conversations[..1], long).await?;
        fill(&ours, &conversations[1..], SHORT).await?;
        Ok::<_, BoxError>((ours, conversations))
    })?;
    let mut random = [SplitMix::new(1), SplitMix::new(2)];
    let [of_long, of_short] = &mut random;
    let duel = by_turns(
        scale.measure(),
        |turn| runtime.block_on(read_for(&ours, &conversations[0], long, of_long, turn)),
        |turn| runtime.block_on(read_for(&ours, &conversations[1], SHORT, of_short, turn)),
    )?;
    runtime.block_on(ours.shutdown());
    let row = Row::new(
        format!("{store}, page of 50 from {long} messages · from {SHORT}"),
        "µs/page",
    );
    let row = row.ours(micros(duel.ours)).bare(micros(duel.bare));
    Ok(report.row(&row.goal(Goal::RatioAtMost(1.5)))?)
}

async fn read_for(
    ours: &Embedded,
    talker: &Talker,
    length: u64,
    random: &mut SplitMix,
    duration: Duration,
) -> Result<Inserted, BoxError> {
    let (start, mut pages) = (Instant::now(), 0);
    let full = PAGE.get() as u64;
    while start.elapsed() < duration {
        let before = Range::Before(Seq(full + 1 + random.next_u64() % (length - full)));
        let messages = ours.app().messages();
        let page = messages
            .history(&talker.principal, talker.conversation, before, PAGE)
            .await?;
        if page.items.len() != PAGE.get() {
            return Err(format!("a page of {} messages", page.items.len()).into());
        }
        pages += 1;
    }
    Ok(Inserted {
        rows: pages,
        elapsed: start.elapsed(),
    })
}

fn micros(pages: Inserted) -> f64 {
    1e6 / pages.rate()
}

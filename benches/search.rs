//! Does finding messages cost more than the store's own full-text query, when one sees one message in a hundred?
//!
//! "Ours" is the first page of 50 through `MessageService::search`, by somebody who sees ten thousand messages of a
//! million in a hundred conversations: checked, ranked, marked. "Bare" is the store's own full-text query over all
//! messages for the same words, ranked as the store ranks, 50 bodies read: FTS5 by bm25 on the same SQLite file, a text
//! index on the same MongoDB collection.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use letsapp_benches::{
    bare::Inserted,
    embedded::Embedded,
    filling::fill,
    report::{Goal, Report, Row},
    sample::Sample,
    scale::Scale,
    target::Store,
    turns::by_turns,
};
use letsapp_core::{
    auth::Principal, messages::search::encode, page::Limit, protocol::requests::SearchMessages, storage::BoxError,
};
use mongodb::{
    Client, Collection, IndexModel,
    bson::{Document, doc},
    options::IndexOptions,
};
use rusqlite::Connection;
use tokio::runtime::Runtime;

/// Messages that the one who searches sees.
const VISIBLE: u64 = 10_000;
/// Conversations that these are in, and as many that the others are in.
const CONVERSATIONS: usize = 100;
const PAGE: Limit = Limit::new(50).expect("a page of 50 is allowed");

fn main() -> Result<(), BoxError> {
    let (scale, runtime) = (Scale::from_env(), Runtime::new()?);
    let mut report = Report::new("search")?;
    let count = scale.pick(100_000, 1_000_000);
    sqlite(&runtime, &mut report, scale, count)?;
    match letsapp_testkit::mongodb::shared() {
        Some(server) => mongodb(&runtime, &mut report, scale, count, &server.unique_database_uri()),
        None => Ok(report.note("MongoDB: skipped, there is none on this machine")?),
    }
}

fn sqlite(runtime: &Runtime, report: &mut Report, scale: Scale, count: u64) -> Result<(), BoxError> {
    let (ours, searcher) = runtime.block_on(filled(&Store::Sqlite, count))?;
    let bare = Connection::open(ours.file())?;
    for question in questions() {
        let expression = question.expression();
        let name = format!("SQLite, {count} messages, {}", question.name);
        let row = Row::new(name, "µs/search").goal(Goal::RatioAtMost(3.0));
        let duel = by_turns(
            scale.measure(),
            |turn| runtime.block_on(search_for(&ours, &searcher, &question, turn)),
            |turn| repeat(turn, || full_text_of_sqlite(&bare, &expression)),
        )?;
        report.row(&row.ours(micros(duel.ours)).bare(micros(duel.bare)))?;
    }
    runtime.block_on(ours.shutdown());
    Ok(())
}

fn mongodb(runtime: &Runtime, report: &mut Report, scale: Scale, count: u64, uri: &str) -> Result<(), BoxError> {
    let (ours, searcher) = runtime.block_on(filled(&Store::MongoDb(uri.to_owned()), count))?;
    let bare = runtime.block_on(text_index(uri))?;
    for question in questions() {
        let name = format!("MongoDB, {count} messages, {}", question.name);
        let row = Row::new(name, "µs/search");
        let ours = |turn| runtime.block_on(search_for(&ours, &searcher, &question, turn));
        let row = match question.phrases() {
            Some(phrases) => {
                let duel = by_turns(scale.measure(), ours, |turn| {
                    repeat(turn, || runtime.block_on(full_text_of_mongodb(&bare, &phrases)))
                })?;
                row.ours(micros(duel.ours))
                    .bare(micros(duel.bare))
                    .goal(Goal::RatioAtMost(3.0))
            }
            None => row.ours(micros(ours(scale.measure())?)),
        };
        report.row(&row)?;
    }
    runtime.block_on(async {
        ours.shutdown().await;
        letsapp_benches::bare::mongodb::drop_database(uri).await
    })?;
    Ok(())
}

/// Makes a store that holds so many messages, and somebody who sees some of them.
async fn filled(store: &Store, count: u64) -> Result<(Embedded, Principal), BoxError> {
    let ours = Embedded::on(store).await?;
    let (searcher, seen) = ours.around(CONVERSATIONS).await?;
    let others = ours.apart(CONVERSATIONS).await?;
    // Half of what others say comes before, so that what one sees lies in the middle.
    let hidden = count - VISIBLE;
    fill(&ours, &others, hidden / 2).await?;
    fill(&ours, &seen, VISIBLE).await?;
    fill(&ours, &others, hidden - hidden / 2).await?;
    Ok((ours, searcher))
}

/// What is looked for.
struct Question {
    name: &'static str,
    words: Vec<String>,
    ending: Ending,
}

/// Whether the last word is finished.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Finished,
    Open,
}

/// Makes questions of words that are more and less frequent.
fn questions() -> Vec<Question> {
    let (sample, mut texts_with) = (Sample::new(), HashMap::<_, u64>::new());
    let texts: Vec<&str> = (0..1_024).map(|n| sample.text(n).body.as_str()).collect();
    for text in &texts {
        let mut words: Vec<_> = text.split(' ').collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            *texts_with.entry(word).or_default() += 1;
        }
    }
    let mut by_frequency: Vec<_> = texts_with.iter().map(|(word, texts)| (*texts, *word)).collect();
    by_frequency.sort_unstable();
    let rare = by_frequency[0].1;
    let middling = by_frequency[by_frequency.len() / 2].1;
    let frequent = by_frequency[by_frequency.len() - 1].1;
    let both = texts.iter().find(|text| text.split(' ').any(|word| word == frequent));
    let beside = both
        .into_iter()
        .flat_map(|text| text.split(' '))
        .find(|word| *word != frequent);
    let question = |name, words: &[&str], ending| Question {
        name,
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        ending,
    };
    vec![
        question("the most frequent word", &[frequent], Ending::Finished),
        question("a middling word", &[middling], Ending::Finished),
        question("the rarest word", &[rare], Ending::Finished),
        question("two words", &[frequent, beside.unwrap_or(middling)], Ending::Finished),
        question("three letters", &[&frequent[..3]], Ending::Open),
    ]
}

impl Question {
    fn request(&self) -> Result<SearchMessages, BoxError> {
        let ending = if self.ending == Ending::Finished { " " } else { "" };
        Ok(SearchMessages::text(self.words.join(" ") + ending)?)
    }

    /// Asks FTS5.
    fn expression(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| format!("\"{}\"", encode(word))).collect();
        let ending = if self.ending == Ending::Finished { "" } else { " *" };
        words.join(" AND ") + ending
    }

    /// Asks a text index, which knows no beginnings of words.
    fn phrases(&self) -> Option<String> {
        let words: Vec<_> = self.words.iter().map(|word| format!("\"{word}\"")).collect();
        (self.ending == Ending::Finished).then(|| words.join(" "))
    }
}

async fn search_for(
    ours: &Embedded,
    searcher: &Principal,
    question: &Question,
    duration: Duration,
) -> Result<Inserted, BoxError> {
    let (start, mut searches) = (Instant::now(), 0);
    while start.elapsed() < duration {
        let messages = ours.app().messages();
        let page = messages.search(searcher, question.request()?, None, PAGE).await?;
        if page.items.is_empty() {
            return Err(format!("nothing was found for {}", question.name).into());
        }
        searches += 1;
    }
    Ok(Inserted {
        rows: searches,
        elapsed: start.elapsed(),
    })
}

/// Asks again and again for about so long.
fn repeat(duration: Duration, mut ask: impl FnMut() -> Result<usize, BoxError>) -> Result<Inserted, BoxError> {
    let (start, mut searches) = (Instant::now(), 0);
    while start.elapsed() < duration {
        if ask()? == 0 {
            return Err("the bare query found nothing".into());
        }
        searches += 1;
    }
    Ok(Inserted {
        rows: searches,
        elapsed: start.elapsed(),
    })
}

fn full_text_of_sqlite(bare: &Connection, expression: &str) -> Result<usize, BoxError> {
    let mut statement = bare.prepare_cached(
        "SELECT messages.body FROM (
            SELECT rowid FROM message_terms WHERE message_terms MATCH ?1 ORDER BY rank LIMIT 50
         ) AS best JOIN messages ON messages.docid = best.rowid",
    )?;
    let bodies: Vec<String> = statement
        .query_map([expression], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(bodies.len())
}

/// Puts a text index on what was said.
async fn text_index(uri: &str) -> Result<Collection<Document>, BoxError> {
    let client = Client::with_uri_str(uri).await?;
    let messages = client
        .default_database()
        .ok_or("the address names a database")?
        .collection("messages");
    let options = IndexOptions::builder().default_language("none".to_owned()).build();
    let index = IndexModel::builder()
        .keys(doc! {"content.body": "text"})
        .options(options)
        .build();
    messages.create_index(index).await?;
    Ok(messages)
}

async fn full_text_of_mongodb(bare: &Collection<Document>, phrases: &str) -> Result<usize, BoxError> {
    let best = doc! {"score": {"$meta": "textScore"}};
    let mut body = doc! {"content.body": 1};
    body.extend(best.clone());
    let filter = doc! {"$text": {"$search": phrases}};
    let mut found = bare.find(filter).projection(body).sort(best).limit(50).await?;
    let mut count = 0;
    while found.advance().await? {
        count += 1;
    }
    Ok(count)
}

fn micros(searches: Inserted) -> f64 {
    1e6 / searches.rate()
}

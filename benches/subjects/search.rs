//! First page of a search, beside the store's own full-text query over the same messages.
//!
//! LetsApp searches by `MessageService::search`, for a user who sees a small part of the messages: membership is
//! checked, the matches are ranked and marked. The baseline asks for the same words among all messages, ranked by the
//! store, and reads 50 bodies: FTS5 with bm25 on the same SQLite file, a text index on the same MongoDB collection.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use letsapp_core::{
    domain::{page::Limit, principal::Principal, search::encode},
    ports::BoxError,
    protocol::requests::SearchMessages,
};
use mongodb::{
    Client, Collection, IndexModel,
    bson::{Document, doc},
    options::IndexOptions,
};
use rusqlite::Connection;
use tokio::runtime::Runtime;

use crate::{
    baseline::mongodb::drop_database,
    compare::{Throughput, compare_rates},
    embedded::Embedded,
    fill::fill,
    report::{Goal, Report, Row},
    sample::Sample,
    scale::Scale,
    subjects::{NO_MONGODB, Run, Server, Subject, with_commas},
    target::Store,
};

pub(super) const SUBJECT: Subject = Subject {
    name: "search",
    question: "Time of a search, by how frequent the words are",
    server: Server::NotNeeded,
    run,
};

/// Messages that the user who searches may see.
const VISIBLE: u64 = 10_000;

/// Conversations that these are in. As many hold all other messages.
const CONVERSATIONS: usize = 100;

const PAGE: Limit = Limit::new(50).expect("a page of 50 is allowed");

/// Most times that a search may take as long as the store's own query.
const GOAL: Goal = Goal::RatioAtMost(3.0);

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    let runtime = Runtime::new()?;
    let count = scale.messages(100_000, 1_000_000);
    sqlite(&runtime, &mut report, scale, count)?;
    match letsapp_testkit::mongodb::shared() {
        Some(server) => mongodb(&runtime, &mut report, scale, count, &server.unique_database_uri()),
        None => Ok(report.note(NO_MONGODB)?),
    }
}

fn sqlite(runtime: &Runtime, report: &mut Report, scale: Scale, count: u64) -> Result<(), BoxError> {
    let (letsapp, searcher) = runtime.block_on(filled(&Store::Sqlite, count))?;
    let baseline = Connection::open(letsapp.file())?;
    for query in queries() {
        let expression = query.fts5_expression();
        let rates = compare_rates(
            scale.measure(),
            |turn| runtime.block_on(search_for(&letsapp, &searcher, &query, turn)),
            |turn| repeat(turn, || full_text_of_sqlite(&baseline, &expression)),
        )?;
        let label = format!("SQLite: {} messages, {}, beside FTS5", with_commas(count), query.name);
        let row = Row::new(label, "µs/search").letsapp(rates.letsapp.micros());
        report.row(row.baseline(rates.baseline.micros()).goal(GOAL))?;
    }
    runtime.block_on(letsapp.shutdown());
    Ok(())
}

fn mongodb(runtime: &Runtime, report: &mut Report, scale: Scale, count: u64, uri: &str) -> Result<(), BoxError> {
    let (letsapp, searcher) = runtime.block_on(filled(&Store::MongoDb(uri.to_owned()), count))?;
    let baseline = runtime.block_on(text_index(uri))?;
    for query in queries() {
        let search = |turn| runtime.block_on(search_for(&letsapp, &searcher, &query, turn));
        let label = format!("MongoDB: {} messages, {}", with_commas(count), query.name);
        let row = match query.text_search() {
            Some(words) => {
                let rates = compare_rates(scale.measure(), search, |turn| {
                    repeat(turn, || runtime.block_on(full_text_of_mongodb(&baseline, &words)))
                })?;
                let row = Row::new(label + ", beside a text index", "µs/search").letsapp(rates.letsapp.micros());
                row.baseline(rates.baseline.micros()).goal(GOAL)
            }
            None => Row::new(label, "µs/search").letsapp(search(scale.measure())?.micros()),
        };
        report.row(row)?;
    }
    runtime.block_on(async {
        letsapp.shutdown().await;
        drop_database(uri).await
    })?;
    Ok(())
}

/// Fills a store with `count` messages, and returns a user who may see [`VISIBLE`] of them.
async fn filled(store: &Store, count: u64) -> Result<(Embedded, Principal), BoxError> {
    let letsapp = Embedded::on(store).await?;
    let (searcher, visible) = letsapp.direct_conversations(CONVERSATIONS).await?;
    let (_, others) = letsapp.direct_conversations(CONVERSATIONS).await?;
    // Half of the hidden messages before the visible ones, and half after them.
    let hidden = count - VISIBLE;
    fill(&letsapp, &others, hidden / 2).await?;
    fill(&letsapp, &visible, VISIBLE).await?;
    fill(&letsapp, &others, hidden - hidden / 2).await?;
    Ok((letsapp, searcher))
}

/// Search query.
struct Query {
    /// Name in the label of the row.
    name: &'static str,
    words: Vec<String>,
    last: LastWord,
}

/// Kind of a query's last word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastWord {
    /// Matches the same word.
    Whole,
    /// Matches all words that start with it.
    Prefix,
}

/// Makes queries of words that are more and less frequent in the sample.
fn queries() -> Vec<Query> {
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
    let median = by_frequency[by_frequency.len() / 2].1;
    let frequent = by_frequency[by_frequency.len() - 1].1;
    let with_frequent = texts.iter().find(|text| text.split(' ').any(|word| word == frequent));
    let companion = with_frequent
        .into_iter()
        .flat_map(|text| text.split(' '))
        .find(|word| *word != frequent);
    let query = |name, words: &[&str], last| Query {
        name,
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        last,
    };
    vec![
        query("the most frequent word", &[frequent], LastWord::Whole),
        query("a word of median frequency", &[median], LastWord::Whole),
        query("the rarest word", &[rare], LastWord::Whole),
        query("two words", &[frequent, companion.unwrap_or(median)], LastWord::Whole),
        query("a prefix of three letters", &[&frequent[..3]], LastWord::Prefix),
    ]
}

impl Query {
    fn request(&self) -> Result<SearchMessages, BoxError> {
        let end = if self.last == LastWord::Whole { " " } else { "" };
        Ok(SearchMessages::text(self.words.join(" ") + end)?)
    }

    /// Writes the query for FTS5, on the encoded words that the SQLite store indexes.
    fn fts5_expression(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| format!("\"{}\"", encode(word))).collect();
        let end = if self.last == LastWord::Whole { "" } else { " *" };
        words.join(" AND ") + end
    }

    /// Writes the query for a text index, which can't search for a prefix.
    fn text_search(&self) -> Option<String> {
        let words: Vec<_> = self.words.iter().map(|word| format!("\"{word}\"")).collect();
        (self.last == LastWord::Whole).then(|| words.join(" "))
    }
}

/// Searches for about `duration`.
async fn search_for(
    letsapp: &Embedded,
    searcher: &Principal,
    query: &Query,
    duration: Duration,
) -> Result<Throughput, BoxError> {
    let (start, mut searches) = (Instant::now(), 0);
    while start.elapsed() < duration {
        let messages = letsapp.app().messages();
        let page = messages.search(searcher, query.request()?, None, PAGE).await?;
        if page.items.is_empty() {
            return Err(format!("nothing was found for {}", query.name).into());
        }
        searches += 1;
    }
    Ok(Throughput {
        count: searches,
        elapsed: start.elapsed(),
    })
}

/// Repeats the baseline's query for about `duration`.
fn repeat(duration: Duration, mut query: impl FnMut() -> Result<usize, BoxError>) -> Result<Throughput, BoxError> {
    let (start, mut searches) = (Instant::now(), 0);
    while start.elapsed() < duration {
        if query()? == 0 {
            return Err("the baseline query found nothing".into());
        }
        searches += 1;
    }
    Ok(Throughput {
        count: searches,
        elapsed: start.elapsed(),
    })
}

fn full_text_of_sqlite(baseline: &Connection, expression: &str) -> Result<usize, BoxError> {
    let mut statement = baseline.prepare_cached(
        "SELECT messages.body FROM (
            SELECT rowid FROM message_terms WHERE message_terms MATCH ?1 ORDER BY rank LIMIT 50
         ) AS best JOIN messages ON messages.docid = best.rowid",
    )?;
    let bodies: Vec<String> = statement
        .query_map([expression], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(bodies.len())
}

/// Creates a text index on the bodies of LetsApp's messages.
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

async fn full_text_of_mongodb(baseline: &Collection<Document>, words: &str) -> Result<usize, BoxError> {
    let best = doc! {"score": {"$meta": "textScore"}};
    let mut body = doc! {"content.body": 1};
    body.extend(best.clone());
    let filter = doc! {"$text": {"$search": words}};
    let mut found = baseline.find(filter).projection(body).sort(best).limit(50).await?;
    let mut count = 0;
    while found.advance().await? {
        count += 1;
    }
    Ok(count)
}

//! Search for messages by terms: an aggregation for some of the conversations at a time, from the token
//! index to the best hits.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Bson, Document, Uuid, doc};
use mongodb::options::AggregateOptions;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::documents::MessageDocument;
use super::history::hint;
use super::tokens::{IN_BODY, IN_NAME};
use crate::adapters::deadline::Deadline;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::error::is_out_of_time;
use crate::adapters::mongodb::fields::{Id, date, limited, long};
use crate::adapters::mongodb::schema::{MESSAGES, TOKENS};
use crate::domain::id::Seq;
use crate::domain::search::{Found, Hit, QueryTerm, Rank, Scope, Score, Search};
use crate::domain::window::Window;
use crate::ports::RepositoryError;

/// A hit, as the aggregation returns it.
#[derive(Debug, Deserialize)]
struct HitDocument {
    /// Points of the [`Score`].
    score: i32,
    message: MessageDocument,
}

/// Number of searches at once, so that they leave the database to everything else.
const CONCURRENT_SEARCHES: usize = 4;

/// Maximum number of conversations in one query. When the time ends, the hits of earlier queries are there.
const CONVERSATIONS_PER_QUERY: usize = 512;

/// Searches messages, a few searches at a time.
#[derive(Debug)]
pub(super) struct Searcher {
    connection: Arc<Connection>,
    turns: Semaphore,
}

impl Searcher {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            turns: Semaphore::new(CONCURRENT_SEARCHES),
        }
    }

    /// Returns the best hits that are found within the search's budget, the best first.
    ///
    /// # Errors
    /// [`RepositoryError`] if an aggregation fails.
    pub(super) async fn search(&self, search: &Search) -> Result<Found, RepositoryError> {
        let mut found = Found::default();
        if search.query.is_empty() || search.within.is_empty() || search.limit == 0 {
            return Ok(found);
        }
        let deadline = Deadline::after(search.budget);
        let Ok(turn) = tokio::time::timeout(deadline.left(), self.turns.acquire()).await else {
            found.partial = true;
            return Ok(found);
        };
        let _turn = turn.map_err(RepositoryError::internal)?;
        let mut within: Vec<_> = search.within.iter().collect();
        within.sort_unstable_by_key(|scope| scope.conversation_id);
        for within in within.chunks(CONVERSATIONS_PER_QUERY) {
            match self.query(search, within, deadline.left()).await? {
                Some(hits) => found.hits.extend(hits),
                None => {
                    found.partial = true;
                    break;
                }
            }
            found.hits.sort_unstable_by_key(|hit| Reverse(hit.rank()));
            found.hits.truncate(search.limit);
        }
        Ok(found)
    }

    /// Returns the best hits in some of the conversations, which are in order; `None` if the time ended before.
    async fn query(
        &self,
        search: &Search,
        within: &[&Scope],
        left: Duration,
    ) -> Result<Option<Vec<Hit>>, RepositoryError> {
        // The server counts in milliseconds, and takes zero for no limit.
        if left < Duration::from_millis(1) {
            return Ok(None);
        }
        // A message scores as its worst term.
        let scores: Vec<Bson> = search.query.terms().iter().map(score).map(Bson::from).collect();
        let mut pipeline = vec![
            doc! {"$match": filter(search, within)},
            doc! {"$set": {"score": {"$min": scores}}},
        ];
        if let Some(past) = search.past {
            pipeline.push(doc! {"$match": behind(past)});
        }
        pipeline.extend([
            doc! {"$sort": {"score": -1, "sent_at": -1, "conversation_id": -1, "seq": -1}},
            doc! {"$limit": limited(search.limit)},
            doc! {"$project": MessageDocument::projection()},
            doc! {"$replaceWith": {"score": "$score", "message": "$$ROOT"}},
        ]);
        let options = AggregateOptions::builder().hint(hint(TOKENS)).max_time(left).build();
        match self.connection.aggregate(MESSAGES, pipeline, options).await {
            Err(error) if is_out_of_time(&error) => Ok(None),
            found => {
                let found: Vec<HitDocument> = found?;
                let hits = found.into_iter().map(HitDocument::into_hit);
                hits.collect::<Result<_, _>>().map(Some)
            }
        }
    }
}

impl HitDocument {
    /// Reads the hit.
    ///
    /// # Errors
    /// [`RepositoryError`] if the score or the message is not valid.
    fn into_hit(self) -> Result<Hit, RepositoryError> {
        let score = u8::try_from(self.score).ok().and_then(Score::from_points);
        Ok(Hit {
            score: score.ok_or_else(|| RepositoryError::internal(format!("unknown search score {}", self.score)))?,
            message: self.message.into_message()?,
        })
    }
}

/// Builds the filter for all messages of the search, regardless of rank.
fn filter(search: &Search, within: &[&Scope]) -> Document {
    let ids: Vec<_> = within.iter().map(|scope| scope.conversation_id.to_bson()).collect();
    // The server finds candidates by the first term in the index and filters them by the others. Longer words are
    // rarer, so the longest comes first.
    let mut terms: Vec<_> = search.query.terms().iter().collect();
    terms.sort_by_key(|term| Reverse(term.text.len()));
    let mut all: Vec<Document> = terms.into_iter().map(found).collect();
    if let Some(from) = search.from {
        all.push(doc! {"sender_id": from.to_bson()});
    }
    if let Some(after) = search.after {
        all.push(doc! {"sent_at": {"$gt": date(after)}});
    }
    if let Some(before) = search.before {
        all.push(doc! {"sent_at": {"$lt": date(before)}});
    }
    let mut filter = doc! {"conversation_id": {"$in": ids}, "$and": all};
    if let Some(hidden) = hidden(within) {
        filter.insert("$nor", [hidden]);
    }
    filter
}

/// Number of branches at each level of the tree that [`hidden`] builds.
const BRANCHES: usize = 8;

/// Builds the condition for messages outside of the windows, to be excluded; `None` if nothing is. Selecting the inside
/// instead would take an `$or` of all windows, and the server may then scan the index once for each; an exclusion keeps
/// it at one scan.
///
/// The server evaluates the condition for each message that has the words. So the conversations, which are in order,
/// form a tree with ranges of ids: 30 comparisons for 500 conversations instead of 500.
fn hidden(within: &[&Scope]) -> Option<Document> {
    let mut level: Vec<_> = within.iter().filter_map(|scope| Hidden::of(scope)).collect();
    while level.len() > 1 {
        level = level.chunks(BRANCHES).map(Hidden::either).collect();
    }
    level.pop().map(|hidden| hidden.condition)
}

/// Condition for the hidden messages of neighbouring conversations.
#[derive(Clone)]
struct Hidden {
    first: Uuid,
    last: Uuid,
    condition: Document,
}

impl Hidden {
    /// Builds the condition for one conversation; `None` if none of its messages is hidden.
    fn of(scope: &Scope) -> Option<Self> {
        let id = scope.conversation_id.to_bson();
        let gaps: Vec<_> = gaps(&scope.windows).into_iter().map(|seq| doc! {"seq": seq}).collect();
        (!gaps.is_empty()).then(|| Self {
            first: id,
            last: id,
            condition: doc! {"conversation_id": id, "$or": gaps},
        })
    }

    /// Combines conditions of neighbouring conversations, in order.
    fn either(hidden: &[Self]) -> Self {
        let (first, last) = (hidden[0].first, hidden[hidden.len() - 1].last);
        let conditions: Vec<_> = hidden.iter().map(|hidden| hidden.condition.clone()).collect();
        Self {
            first,
            last,
            condition: doc! {"conversation_id": {"$gte": first, "$lte": last}, "$or": conditions},
        }
    }
}

/// Returns conditions on `seq` for the gaps before, between and after windows. The windows are in order and do not
/// overlap.
fn gaps(windows: &[Window]) -> Vec<Document> {
    let mut gaps = Vec::new();
    let mut end = Some(Seq::ZERO);
    for window in windows {
        if let Some(end) = end.filter(|end| end.0.saturating_add(1) < window.from.0) {
            gaps.push(doc! {"$gt": long(end.0), "$lt": long(window.from.0)});
        }
        end = window.to;
    }
    gaps.extend(end.map(|end| doc! {"$gt": long(end.0)}));
    gaps
}

/// Builds the condition that a message has a term. Encoded terms are letters and digits, which need no escaping in a
/// regular expression.
fn found(term: &QueryTerm) -> Document {
    let end = if term.prefix { "" } else { ":" };
    doc! {"tokens": {"$regex": format!("^{}{end}", term.encoded())}}
}

/// Builds the expression for the score of a message by one term that it has.
fn score(term: &QueryTerm) -> Document {
    let word = term.encoded();
    let has = |place: &str| doc! {"$in": [format!("{word}{place}"), "$tokens"]};
    let points = |score: Score| i32::from(score.points());
    let mut branches = vec![doc! {"case": has(IN_BODY), "then": points(Score::BodyWord)}];
    let mut least = Score::NameWord;
    if term.prefix {
        let begins = doc! {"$regexMatch": {"input": "$$this", "regex": format!("^{word}[0-9a-f]*{IN_BODY}$")}};
        let begins = doc! {"$anyElementTrue": [{"$map": {"input": "$tokens", "in": begins}}]};
        branches.push(doc! {"case": has(IN_NAME), "then": points(Score::NameWord)});
        branches.push(doc! {"case": begins, "then": points(Score::BodyStart)});
        least = Score::NameStart;
    }
    doc! {"$switch": {"branches": branches, "default": points(least)}}
}

/// Builds the filter for messages that rank after a hit, in the order of the sort.
fn behind(past: Rank) -> Document {
    let (score, sent_at) = (i32::from(past.score.points()), date(past.sent_at));
    let (id, seq) = (past.conversation_id.to_bson(), long(past.seq.0));
    doc! {"$or": [
        {"score": {"$lt": score}},
        {"score": score, "sent_at": {"$lt": sent_at}},
        {"score": score, "sent_at": sent_at, "conversation_id": {"$lt": id}},
        {"score": score, "sent_at": sent_at, "conversation_id": id, "seq": {"$lt": seq}},
    ]}
}

//! Search for messages by terms: one aggregation, from the token index to the best hits.

use std::cmp::Reverse;
use std::sync::Arc;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::AggregateOptions;
use serde::Deserialize;

use super::documents::MessageDocument;
use super::history::hint;
use super::tokens::{IN_BODY, IN_NAME};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, date, limited, long};
use crate::adapters::mongodb::schema::{MESSAGES, TOKENS};
use crate::domain::id::Seq;
use crate::domain::search::{Hit, QueryTerm, Rank, Scope, Score, Search};
use crate::domain::window::Window;
use crate::ports::RepositoryError;

/// A hit, as the aggregation returns it.
#[derive(Debug, Deserialize)]
struct HitDocument {
    /// Points of the [`Score`].
    score: i32,
    message: MessageDocument,
}

/// Returns the best hits, the best first.
///
/// # Errors
/// [`RepositoryError`] if the aggregation fails.
pub(super) async fn search(connection: &Arc<Connection>, search: &Search) -> Result<Vec<Hit>, RepositoryError> {
    if search.query.is_empty() || search.within.is_empty() || search.limit == 0 {
        return Ok(Vec::new());
    }
    // A message scores as its worst term.
    let scores: Vec<Bson> = search.query.terms().iter().map(score).map(Bson::from).collect();
    let mut pipeline = vec![
        doc! {"$match": filter(search)},
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
    let options = AggregateOptions::builder().hint(hint(TOKENS)).build();
    let found: Vec<HitDocument> = connection.aggregate(MESSAGES, pipeline, options).await?;
    found.into_iter().map(HitDocument::into_hit).collect()
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
fn filter(search: &Search) -> Document {
    let ids: Vec<_> = search
        .within
        .iter()
        .map(|scope| scope.conversation_id.to_bson())
        .collect();
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
    let hidden = hidden(&search.within);
    if !hidden.is_empty() {
        filter.insert("$nor", hidden);
    }
    filter
}

/// Builds the conditions for messages outside of the windows, to be excluded. Selecting the inside instead would take
/// an `$or` of all windows, and the server may then scan the index once for each; an exclusion keeps it at one scan.
fn hidden(within: &[Scope]) -> Vec<Document> {
    let hidden = within.iter().flat_map(|scope| {
        let id = scope.conversation_id.to_bson();
        let gaps = gaps(&scope.windows).into_iter();
        gaps.map(move |seq| doc! {"conversation_id": id, "seq": seq})
    });
    hidden.collect()
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

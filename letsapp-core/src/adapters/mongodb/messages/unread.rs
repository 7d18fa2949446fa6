//! Unread counts.
//!
//! Messages are not counted one by one: the ordinal at the end of a span minus the one before it is the number of
//! messages of users written in it, and the deleted ones, which have an index, are subtracted.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{Document, Uuid, doc};
use mongodb::options::FindOptions;
use serde::Deserialize;

use super::content::SYSTEM;
use super::history::{hint, places};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, count, long};
use crate::adapters::mongodb::schema::{BY_SEQ, DELETED, MESSAGES};
use crate::domain::id::{ConversationId, Seq};
use crate::domain::window::Span;
use crate::ports::RepositoryError;

/// Position and ordinal of a message.
#[derive(Debug, Deserialize)]
struct OrdinalDocument {
    conversation_id: Uuid,
    seq: i64,
    ordinal: i64,
}

/// Position of a message.
#[derive(Debug, Deserialize)]
struct PlaceDocument {
    conversation_id: Uuid,
    seq: i64,
}

/// Counts the messages of users in each span that are not deleted, with two queries for any number of spans.
///
/// # Errors
/// [`RepositoryError`] if a query fails.
pub(super) async fn count_unread(connection: &Arc<Connection>, spans: &[Span]) -> Result<Vec<u64>, RepositoryError> {
    let ordinals = ordinals(connection, spans).await?;
    let ordinal = |span: &Span, seq: Seq| ordinals.get(&(span.conversation_id, seq)).copied().unwrap_or(0);
    let written: Vec<u64> = spans
        .iter()
        .map(|span| ordinal(span, span.through).saturating_sub(ordinal(span, span.after)))
        .collect();
    // A span without messages of users has no deleted ones to look up.
    let holds_any: Vec<&Span> = spans
        .iter()
        .zip(&written)
        .filter_map(|(span, written)| (*written > 0).then_some(span))
        .collect();
    let deleted = deleted(connection, &holds_any).await?;
    let left = |(span, written): (&Span, &u64)| {
        let deleted = deleted.get(&span.conversation_id).into_iter().flatten();
        let deleted = deleted
            .filter(|seq| span.after < **seq && **seq <= span.through)
            .count();
        written.saturating_sub(deleted as u64)
    };
    Ok(spans.iter().zip(&written).map(left).collect())
}

/// Reads the ordinals at both ends of each span. Nothing precedes the first message, so `seq` 0 is left out.
async fn ordinals(
    connection: &Arc<Connection>,
    spans: &[Span],
) -> Result<HashMap<(ConversationId, Seq), u64>, RepositoryError> {
    let ends = spans
        .iter()
        .flat_map(|span| [span.after, span.through].map(|seq| (span.conversation_id, seq)))
        .filter(|(_, seq)| *seq > Seq::ZERO);
    let ends: Vec<_> = ends.collect();
    if ends.is_empty() {
        return Ok(HashMap::new());
    }
    let options = FindOptions::builder()
        .projection(doc! {"_id": 0, "conversation_id": 1, "seq": 1, "ordinal": 1})
        .hint(hint(BY_SEQ))
        .build();
    let found: Vec<OrdinalDocument> = connection.find(MESSAGES, places(&ends), options).await?;
    let pair = |found: OrdinalDocument| {
        let place = (ConversationId::from_bson(found.conversation_id), Seq(count(found.seq)));
        (place, count(found.ordinal))
    };
    Ok(found.into_iter().map(pair).collect())
}

/// Reads the `seq` of the deleted messages of users in the spans, in order.
async fn deleted(
    connection: &Arc<Connection>,
    spans: &[&Span],
) -> Result<HashMap<ConversationId, Vec<Seq>>, RepositoryError> {
    let mut deleted: HashMap<_, Vec<_>> = HashMap::new();
    if spans.is_empty() {
        return Ok(deleted);
    }
    let branches: Vec<Document> = spans
        .iter()
        .map(|span| {
            let mut within = within(span);
            within.insert("deleted_at", doc! {"$exists": true});
            within.insert("content.type", doc! {"$ne": SYSTEM});
            within
        })
        .collect();
    let options = FindOptions::builder()
        .projection(doc! {"_id": 0, "conversation_id": 1, "seq": 1})
        .hint(hint(DELETED))
        .build();
    let found: Vec<PlaceDocument> = connection.find(MESSAGES, doc! {"$or": branches}, options).await?;
    for found in found {
        let conversation_id = ConversationId::from_bson(found.conversation_id);
        deleted.entry(conversation_id).or_default().push(Seq(count(found.seq)));
    }
    for seqs in deleted.values_mut() {
        seqs.sort_unstable();
        seqs.dedup();
    }
    Ok(deleted)
}

/// Builds the filter for the messages in a span.
fn within(span: &Span) -> Document {
    doc! {
        "conversation_id": span.conversation_id.to_bson(),
        "seq": {"$gt": long(span.after.0), "$lte": long(span.through.0)},
    }
}

//! Heads of conversations, read from the message with the newest change.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{Uuid, doc};
use mongodb::options::AggregateOptions;
use serde::Deserialize;

use super::documents::HeadDocument;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::conversations::activity;
use crate::adapters::mongodb::fields::{Id, uuids};
use crate::adapters::mongodb::schema::MESSAGES;
use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;
use crate::ports::RepositoryError;

/// Message with the highest `rev` of a conversation.
#[derive(Debug, Deserialize)]
struct Newest {
    #[serde(rename = "_id")]
    conversation_id: Uuid,
    rev: i64,
    head: HeadDocument,
}

/// Returns the heads of those of the conversations that have messages.
///
/// The sort order is the index read backwards, so that the server looks at one entry per conversation (a distinct
/// scan). Sorted forwards, it would look at all entries.
pub(in crate::adapters::mongodb) async fn read(
    connection: &Arc<Connection>,
    ids: &[ConversationId],
) -> Result<Vec<(ConversationId, Head)>, RepositoryError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let pipeline = vec![
        doc! {"$match": {"conversation_id": {"$in": uuids(ids)}}},
        doc! {"$sort": {"conversation_id": -1, "rev": -1}},
        doc! {"$group": {"_id": "$conversation_id", "rev": {"$first": "$rev"}, "head": {"$first": "$head"}}},
    ];
    let newest: Vec<Newest> = connection
        .aggregate(MESSAGES, pipeline, AggregateOptions::default())
        .await?;
    let undated = newest.iter().filter(|newest| !newest.head.is_dated());
    let undated: Vec<_> = undated
        .map(|newest| ConversationId::from_bson(newest.conversation_id))
        .collect();
    // Documents of older versions have no time in the head. Without one, their conversations would be listed last.
    let times: HashMap<_, _> = activity::read(connection, &undated).await?.into_iter().collect();
    let pair = |newest: Newest| {
        let conversation_id = ConversationId::from_bson(newest.conversation_id);
        let mut head = newest.head.into_head(newest.rev);
        if let Some(sent_at) = times.get(&conversation_id) {
            head.sent_at = *sent_at;
        }
        (conversation_id, head)
    };
    Ok(newest.into_iter().map(pair).collect())
}

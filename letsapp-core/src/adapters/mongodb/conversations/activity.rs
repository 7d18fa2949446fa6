//! Times of the newest messages of conversations, by which they are listed.

use std::sync::Arc;

use mongodb::bson::{DateTime, Uuid, doc};
use mongodb::options::AggregateOptions;
use serde::Deserialize;

use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, moment, uuids};
use crate::adapters::mongodb::schema::MESSAGES;
use crate::domain::id::ConversationId;
use crate::domain::timestamp::Timestamp;
use crate::ports::RepositoryError;

/// Message with the highest `seq` of a conversation.
#[derive(Debug, Deserialize)]
struct Newest {
    #[serde(rename = "_id")]
    conversation_id: Uuid,
    sent_at: DateTime,
}

/// Returns the time at which the newest message of each conversation was sent, of those that have messages.
///
/// The sort order is the index read backwards, so that the server looks at one entry per conversation (a distinct
/// scan), as for heads.
pub(in crate::adapters::mongodb) async fn read(
    connection: &Arc<Connection>,
    ids: &[ConversationId],
) -> Result<Vec<(ConversationId, Timestamp)>, RepositoryError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let pipeline = vec![
        doc! {"$match": {"conversation_id": {"$in": uuids(ids)}}},
        doc! {"$sort": {"conversation_id": -1, "seq": -1}},
        doc! {"$group": {"_id": "$conversation_id", "sent_at": {"$first": "$sent_at"}}},
    ];
    let newest: Vec<Newest> = connection
        .aggregate(MESSAGES, pipeline, AggregateOptions::default())
        .await?;
    let pair = |newest: Newest| {
        (
            ConversationId::from_bson(newest.conversation_id),
            moment(newest.sent_at),
        )
    };
    Ok(newest.into_iter().map(pair).collect())
}

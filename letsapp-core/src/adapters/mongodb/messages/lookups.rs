//! Reads by `_id`.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{Bson, Uuid, doc};
use mongodb::options::{FindOptions, Hint};

use super::documents::{MessageDocument, MessageKey};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::Id;
use crate::adapters::mongodb::schema::MESSAGES;
use crate::domain::id::{ConversationId, MessageId};
use crate::domain::message::Message;
use crate::ports::RepositoryError;

/// Returns those of the messages that exist, by their ids.
pub(super) async fn by_id(
    connection: &Arc<Connection>,
    ids: &[(ConversationId, MessageId)],
) -> Result<HashMap<(ConversationId, MessageId), Message>, RepositoryError> {
    let mut conversations: Vec<Uuid> = ids.iter().map(|(id, _)| id.to_bson()).collect();
    conversations.dedup();
    let keys: Vec<Bson> = ids
        .iter()
        .map(|(conversation_id, id)| Bson::from(MessageKey::new(*conversation_id, *id)))
        .collect();
    let filter = doc! {"_id": {"$in": keys}, "conversation_id": {"$in": conversations}};
    let options = FindOptions::builder()
        .hint(Hint::Keys(doc! {"_id": 1}))
        .projection(MessageDocument::projection())
        .build();
    let found: Vec<MessageDocument> = connection.find(MESSAGES, filter, options).await?;
    found
        .into_iter()
        .map(|document| {
            let message = document.into_message()?;
            Ok(((message.conversation_id, message.id), message))
        })
        .collect()
}

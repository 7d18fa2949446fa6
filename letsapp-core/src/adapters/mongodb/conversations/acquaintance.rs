//! Users who share a conversation with a user.

use std::collections::HashSet;
use std::sync::Arc;

use mongodb::bson::{Document, Uuid, doc};
use mongodb::options::{AggregateOptions, FindOptions};
use serde::Deserialize;

use super::standings::revs;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, uuids};
use crate::adapters::mongodb::schema::MEMBERSHIPS;
use crate::domain::id::{ConversationId, UserId};
use crate::ports::RepositoryError;

/// Conversation of a membership, read alone.
#[derive(Debug, Deserialize)]
struct InConversation {
    conversation_id: Uuid,
}

/// Conversation of a user, with the others who are asked for and are in it.
#[derive(Debug, Deserialize)]
struct Shared {
    #[serde(rename = "_id")]
    conversation_id: Uuid,
    users: Vec<Uuid>,
}

impl Shared {
    fn id(&self) -> ConversationId {
        ConversationId::from_bson(self.conversation_id)
    }
}

/// Returns those of the users who are in a conversation with a user now that has a message, each once.
pub(super) async fn acquainted(
    connection: &Arc<Connection>,
    user_id: UserId,
    with: &[UserId],
) -> Result<Vec<UserId>, RepositoryError> {
    if with.is_empty() {
        return Ok(Vec::new());
    }
    let options = FindOptions::builder()
        .projection(doc! {"_id": 0, "conversation_id": 1})
        .build();
    let mut filter = presence();
    filter.insert("user_id", user_id.to_bson());
    let mine: Vec<InConversation> = connection.find(MEMBERSHIPS, filter, options).await?;
    if mine.is_empty() {
        return Ok(Vec::new());
    }
    let mine: Vec<_> = mine.into_iter().map(|found| found.conversation_id).collect();
    let mut theirs = presence();
    theirs.insert("user_id", doc! {"$in": uuids(with)});
    theirs.insert("conversation_id", doc! {"$in": mine});
    let pipeline = vec![
        doc! {"$match": theirs},
        doc! {"$group": {"_id": "$conversation_id", "users": {"$push": "$user_id"}}},
    ];
    let mut shared: Vec<Shared> = connection
        .aggregate(MEMBERSHIPS, pipeline, AggregateOptions::default())
        .await?;
    let ids: Vec<_> = shared.iter().map(|found| found.id()).collect();
    let begun: HashSet<_> = revs(connection, &ids).await?.into_iter().map(|(id, _)| id).collect();
    shared.retain(|found| begun.contains(&found.id()));
    let users: HashSet<_> = shared.into_iter().flat_map(|found| found.users).collect();
    Ok(users.into_iter().map(UserId::from_bson).collect())
}

/// Selects memberships of users who are members now: whose last window, and no other, has no end.
fn presence() -> Document {
    doc! {"$expr": {"$lt": [{"$size": "$windows.to"}, {"$size": "$windows"}]}}
}

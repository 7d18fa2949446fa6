//! Removal of the members and messages of deleted conversations, in parts.
//!
//! Every part can be repeated, so that a crash or an error in between does no harm.

use std::sync::Arc;

use mongodb::bson::{Bson, Document, RawDocumentBuf, Uuid, doc};
use mongodb::options::{FindOptions, Hint};

use super::documents::{MemberKey, MembershipKey};
use crate::adapters::mongodb::command;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, Keyed, date, limited, long};
use crate::adapters::mongodb::messages::head;
use crate::adapters::mongodb::schema::{BY_SEQ, CONVERSATIONS, MEMBERS, MEMBERSHIPS, MESSAGES, REMAINS};
use crate::domain::id::ConversationId;
use crate::domain::timestamp::Timestamp;
use crate::ports::RepositoryError;

/// Returns up to `limit` conversations deleted before a time that may still have members or messages, the oldest
/// deletion first.
pub(super) async fn waiting(
    connection: &Arc<Connection>,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<ConversationId>, RepositoryError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let filter = doc! {"remains": true, "deleted_at": {"$lt": date(before)}};
    let options = FindOptions::builder()
        .projection(doc! {"_id": 1})
        .sort(doc! {"deleted_at": 1, "_id": 1})
        .limit(limited(limit))
        .hint(Hint::Name(REMAINS.to_owned()))
        .build();
    let found: Vec<Keyed<Uuid>> = connection.find(CONVERSATIONS, filter, options).await?;
    Ok(found
        .into_iter()
        .map(|found| ConversationId::from_bson(found.key))
        .collect())
}

/// Removes at most `limit` members and as many messages, and returns whether the conversation is done.
///
/// The conversation itself stays, so that its id is not used again.
pub(super) async fn step(
    connection: &Arc<Connection>,
    id: ConversationId,
    limit: usize,
) -> Result<bool, RepositoryError> {
    let (connection, limit) = (connection.admit().await?, limit.max(1));
    let found = super::read(&connection, &[id]).await?.pop();
    if found.is_none_or(|conversation| conversation.deleted_at.is_none()) {
        return Ok(true);
    }
    let members_left = members(&connection, id, limit).await?;
    let messages_left = messages(&connection, id, limit).await?;
    if members_left || messages_left {
        return Ok(false);
    }
    // Last, so that a purge that was interrupted is found and continued.
    let done = doc! {"q": {"_id": id.to_bson()}, "u": {"$unset": {"remains": ""}}};
    let done = command::update(CONVERSATIONS, [done], command::Order::Kept).map_err(RepositoryError::internal)?;
    connection.persist(done).await?;
    Ok(true)
}

/// Removes members, and reports whether there may be more. The copies by user go first, because they are found through
/// the copies by conversation.
async fn members(connection: &Arc<Connection>, id: ConversationId, limit: usize) -> Result<bool, RepositoryError> {
    let options = FindOptions::builder()
        .projection(doc! {"_id": 1})
        .limit(limited(limit))
        .build();
    let filter = doc! {"conversation_id": id.to_bson()};
    let found: Vec<Keyed<MemberKey>> = connection.find(MEMBERS, filter, options).await?;
    if found.is_empty() {
        return Ok(false);
    }
    let users: Vec<_> = found.iter().map(|found| found.key.user).collect();
    let by_user = found.iter().map(|found| {
        Bson::from(MembershipKey {
            user: found.key.user,
            conversation: found.key.conversation,
        })
    });
    let by_user = doc! {"_id": {"$in": by_user.collect::<Vec<_>>()}, "user_id": {"$in": users}};
    connection.persist(delete(MEMBERSHIPS, &by_user)?).await?;
    let by_conversation: Vec<_> = found.iter().map(|found| Bson::from(found.key)).collect();
    let by_conversation = doc! {"_id": {"$in": by_conversation}, "conversation_id": id.to_bson()};
    connection.persist(delete(MEMBERS, &by_conversation)?).await?;
    Ok(found.len() >= limit)
}

/// Removes the oldest messages, and reports whether there may be more. The newest message is kept: it holds the head,
/// without which the conversation would seem to be empty and never written to.
async fn messages(connection: &Arc<Connection>, id: ConversationId, limit: usize) -> Result<bool, RepositoryError> {
    let Some((_, head)) = head::read(connection, &[id]).await?.pop() else {
        return Ok(false);
    };
    let options = FindOptions::builder()
        .projection(doc! {"_id": 1})
        .sort(doc! {"conversation_id": 1, "seq": 1})
        .limit(limited(limit))
        .hint(Hint::Name(BY_SEQ.to_owned()))
        .build();
    let filter = doc! {"conversation_id": id.to_bson(), "seq": {"$lt": long(head.seq.0)}};
    let found: Vec<Keyed<Bson>> = connection.find(MESSAGES, filter, options).await?;
    if found.is_empty() {
        return Ok(false);
    }
    let count = found.len();
    let keys: Vec<_> = found.into_iter().map(|found| found.key).collect();
    let those = doc! {"_id": {"$in": keys}, "conversation_id": id.to_bson()};
    connection.persist(delete(MESSAGES, &those)?).await?;
    Ok(count >= limit)
}

/// Builds a `delete` command for all documents that a filter selects.
fn delete(collection: &str, filter: &Document) -> Result<RawDocumentBuf, RepositoryError> {
    command::delete(collection, filter).map_err(RepositoryError::internal)
}

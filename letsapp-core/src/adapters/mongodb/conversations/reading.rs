//! Reads of conversations and memberships by their keys.

use std::collections::HashSet;
use std::sync::Arc;

use mongodb::bson::{Bson, Uuid, doc};
use mongodb::options::FindOptions;

use super::documents::{ConversationDocument, MembershipDocument, MembershipKey};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, Keyed, uuids};
use crate::adapters::mongodb::schema::{CONVERSATIONS, MEMBERSHIPS};
use crate::domain::conversation::Conversation;
use crate::domain::id::ConversationId;
use crate::domain::member::Member;
use crate::ports::RepositoryError;

/// Returns those of the conversations that exist, in any order, deleted ones included.
pub(in crate::adapters::mongodb) async fn read(
    connection: &Arc<Connection>,
    ids: &[ConversationId],
) -> Result<Vec<Conversation>, RepositoryError> {
    let filter = doc! {"_id": {"$in": uuids(ids)}};
    let found: Vec<ConversationDocument> = connection.find(CONVERSATIONS, filter, FindOptions::default()).await?;
    found.into_iter().map(ConversationDocument::into_conversation).collect()
}

/// Returns those of the memberships that exist, in any order, without those of deleted conversations.
pub(super) async fn records(
    connection: &Arc<Connection>,
    keys: impl Iterator<Item = MembershipKey>,
) -> Result<Vec<Member>, RepositoryError> {
    let (keys, mut users): (Vec<Bson>, Vec<Uuid>) = keys.map(|key| (Bson::from(key), key.user)).unzip();
    users.sort_unstable();
    users.dedup();
    let filter = doc! {"_id": {"$in": keys}, "user_id": {"$in": users}};
    // Without the hint the server may read all memberships of the users instead, by the index on `user_id`.
    let options = FindOptions::builder()
        .hint(mongodb::options::Hint::Keys(doc! {"_id": 1}))
        .build();
    let found: Vec<MembershipDocument> = connection.find(MEMBERSHIPS, filter, options).await?;
    let found = found.into_iter().map(MembershipDocument::into_member);
    living(connection, found.collect::<Result<_, _>>()?).await
}

/// Removes memberships of deleted conversations. A deletion closes all windows, so only the conversations of former
/// members need a query.
pub(super) async fn living(
    connection: &Arc<Connection>,
    mut members: Vec<Member>,
) -> Result<Vec<Member>, RepositoryError> {
    let left = members.iter().filter(|member| !member.is_in());
    let deleted = deleted(connection, left.map(|member| member.conversation_id).collect()).await?;
    if !deleted.is_empty() {
        members.retain(|member| !deleted.contains(&member.conversation_id));
    }
    Ok(members)
}

/// Returns those of the conversations that are deleted.
pub(super) async fn deleted(
    connection: &Arc<Connection>,
    mut ids: Vec<ConversationId>,
) -> Result<HashSet<ConversationId>, RepositoryError> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    ids.sort_unstable();
    ids.dedup();
    let filter = doc! {"_id": {"$in": uuids(&ids)}, "deleted_at": {"$exists": true}};
    let options = FindOptions::builder().projection(doc! {"_id": 1}).build();
    let deleted: Vec<Keyed<Uuid>> = connection.find(CONVERSATIONS, filter, options).await?;
    Ok(deleted
        .into_iter()
        .map(|found| ConversationId::from_bson(found.key))
        .collect())
}

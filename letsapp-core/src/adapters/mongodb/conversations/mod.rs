//! Conversations and their members, on the collections `conversations`, `pairs`, `members` and `memberships`.

mod acquaintance;
pub(super) mod activity;
mod departures;
pub(super) mod documents;
mod pair;
mod purge;
mod reading;
mod receipts;
mod standings;
pub(super) mod transaction;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::{Document, Uuid, doc};
use mongodb::options::{AggregateOptions, FindOptions, ReturnDocument};
use serde::Deserialize;

use self::documents::{MemberDocument, MembershipDocument, MembershipKey, changed};
pub(super) use self::reading::read;
use self::reading::{living, records};
use super::connection::{Connection, Session};
use super::fields::{Id, count, date, uuids};
use super::messages::head;
use super::schema::{MEMBERS, MEMBERSHIPS};
use crate::domain::conversation::{Conversation, Head, Pair, Roster};
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Rev, UserId};
use crate::domain::mark::Since;
use crate::domain::member::{Member, PreferencesPatch};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Advance, Advanced, ConversationRepository, Creation, RepositoryError, Standings};

/// Conversation repository on the collections `conversations`, `members` and `memberships`.
#[derive(Debug)]
pub(super) struct MongoConversations {
    connection: Arc<Connection>,
}

/// Number of members of one conversation, as an aggregation returns it.
#[derive(Debug, Deserialize)]
struct CountDocument {
    #[serde(rename = "_id")]
    conversation_id: Uuid,
    members: i64,
}

impl MongoConversations {
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }
}

#[async_trait]
impl ConversationRepository for MongoConversations {
    async fn create_direct(&self, conversation: Conversation, at: Timestamp) -> Result<Creation, RepositoryError> {
        pair::create(&self.connection, conversation, at).await
    }

    async fn direct(&self, pairs: &[Pair]) -> Result<Vec<(Pair, ConversationId)>, RepositoryError> {
        pair::find(&self.connection, pairs).await
    }

    async fn find(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError> {
        read(&self.connection, ids).await
    }

    async fn rosters(&self, ids: &[ConversationId]) -> Result<Vec<Roster>, RepositoryError> {
        // The fence is read first, so that the members are no older. If they are newer, a change decided on them is
        // refused as outdated, which costs a retry; the other way round it would be wrongly accepted.
        let heads: HashMap<_, _> = self.heads(ids).await?.into_iter().collect();
        let (conversations, mut members) = tokio::try_join!(self.find(ids), self.members_in(ids))?;
        let roster = |conversation: Conversation| {
            let mut members = members.remove(&conversation.id).unwrap_or_default();
            members.sort_by_key(|member| (member.joined_at, member.user_id));
            Roster {
                fence: heads.get(&conversation.id).map(|head| head.fence).unwrap_or_default(),
                members,
                conversation,
            }
        };
        Ok(conversations.into_iter().map(roster).collect())
    }

    async fn heads(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Head)>, RepositoryError> {
        head::read(&self.connection, ids).await
    }

    async fn activity(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Timestamp)>, RepositoryError> {
        activity::read(&self.connection, ids).await
    }

    async fn member_counts(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, usize)>, RepositoryError> {
        let pipeline = vec![
            doc! {"$match": {"conversation_id": {"$in": uuids(ids)}, "present": true}},
            doc! {"$group": {"_id": "$conversation_id", "members": {"$sum": 1_i64}}},
        ];
        let counted: Vec<CountDocument> = self
            .connection
            .aggregate(MEMBERS, pipeline, AggregateOptions::default())
            .await?;
        let pair = |counted: CountDocument| {
            let members = usize::try_from(count(counted.members)).unwrap_or(usize::MAX);
            (ConversationId::from_bson(counted.conversation_id), members)
        };
        Ok(counted.into_iter().map(pair).collect())
    }

    async fn members(&self, of: &[(ConversationId, UserId)]) -> Result<Vec<Member>, RepositoryError> {
        let keys = of
            .iter()
            .map(|(conversation_id, user_id)| MembershipKey::new(*conversation_id, *user_id));
        records(&self.connection, keys).await
    }

    async fn memberships(&self, user_id: UserId) -> Result<Vec<Member>, RepositoryError> {
        let filter = doc! {"user_id": user_id.to_bson()};
        let found: Vec<MembershipDocument> = self
            .connection
            .find(MEMBERSHIPS, filter, FindOptions::default())
            .await?;
        let found = found.into_iter().map(MembershipDocument::into_member);
        living(&self.connection, found.collect::<Result<_, _>>()?).await
    }

    async fn acquainted(&self, user_id: UserId, with: &[UserId]) -> Result<Vec<UserId>, RepositoryError> {
        acquaintance::acquainted(&self.connection, user_id, with).await
    }

    async fn standings(&self, user_id: UserId, since: Since) -> Result<Standings, RepositoryError> {
        standings::of(&self.connection, user_id, since).await
    }

    async fn revs(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Rev)>, RepositoryError> {
        standings::revs(&self.connection, ids).await
    }

    async fn advance(&self, advances: Vec<Advance>) -> Result<Vec<Option<Advanced>>, RepositoryError> {
        receipts::advance(&self.connection, advances).await
    }

    async fn update_preferences(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        patch: PreferencesPatch,
        at: Timestamp,
    ) -> Result<Option<Member>, RepositoryError> {
        // Admitted, because it takes several steps.
        let connection = self.connection.admit().await?;
        let mut session = connection.session().await?;
        let key = MembershipKey::new(conversation_id, user_id);
        let collection = connection.collection::<MembershipDocument>(MEMBERSHIPS);
        let update = collection
            .find_one_and_update(doc! {"_id": key, "user_id": key.user}, changes(patch, at))
            .return_document(ReturnDocument::After)
            .session(&mut *session);
        let changed = Session::step(update).await?;
        let changed = changed.map(MembershipDocument::into_member).transpose()?;
        Ok(living(&connection, changed.into_iter().collect()).await?.pop())
    }

    async fn put_departure(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        departure: Departure,
    ) -> Result<(), RepositoryError> {
        departures::put(&self.connection, conversation_id, user_id, &departure).await
    }

    async fn deleted(&self, before: Timestamp, limit: usize) -> Result<Vec<ConversationId>, RepositoryError> {
        purge::waiting(&self.connection, before, limit).await
    }

    async fn purge(&self, id: ConversationId, limit: usize) -> Result<bool, RepositoryError> {
        purge::step(&self.connection, id, limit).await
    }
}

impl MongoConversations {
    /// Reads the present members of each conversation.
    async fn members_in(
        &self,
        ids: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Vec<Member>>, RepositoryError> {
        let filter = doc! {"conversation_id": {"$in": uuids(ids)}, "present": true};
        let found: Vec<MemberDocument> = self.connection.find(MEMBERS, filter, FindOptions::default()).await?;
        let keys = found.iter().map(MemberDocument::membership);
        let mut records: HashMap<_, _> = records(&self.connection, keys)
            .await?
            .into_iter()
            .map(|member| ((member.conversation_id, member.user_id), member))
            .collect();
        let mut members: HashMap<_, Vec<_>> = HashMap::new();
        for document in found {
            let MembershipKey { user, conversation } = document.membership();
            let conversation_id = ConversationId::from_bson(conversation);
            if let Some(record) = records.remove(&(conversation_id, UserId::from_bson(user))) {
                members
                    .entry(conversation_id)
                    .or_default()
                    .push(document.decide(record)?);
            }
        }
        Ok(members)
    }
}

/// Builds the update that a patch describes.
fn changes(patch: PreferencesPatch, at: Timestamp) -> Document {
    let (mut set, mut unset) = (doc! {}, doc! {});
    match patch.muted_until {
        Some(Some(until)) => _ = set.insert("preferences.muted_until", date(until)),
        Some(None) => _ = unset.insert("preferences.muted_until", ""),
        None => {}
    }
    if let Some(archived) = patch.archived {
        set.insert("preferences.archived", archived);
    }
    if let Some(pinned) = patch.pinned {
        set.insert("preferences.pinned", pinned);
    }
    // `$max`, because another server's clock may be ahead: `changed_at` must not fall, or a sync would miss the change.
    let mut changes = doc! {"$max": {"changed_at": date(at)}, "$currentDate": changed()};
    for (operator, fields) in [("$set", set), ("$unset", unset)] {
        if !fields.is_empty() {
            changes.insert(operator, fields);
        }
    }
    changes
}

//! Contacts and blocks: one document for each pair of an owner and another user, in the owner's shard.

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::{Bson, DateTime, Document, Uuid, doc};
use mongodb::options::{FindOptions, Hint, ReturnDocument};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::connection::{Connection, Session};
use super::error::duplicate_of;
use super::fields::{Id, Keyed, VERSION, date, limited, moment};
use super::retry::{Backoff, Deadline, VISIBILITY_TIMEOUT};
use super::schema::{BLOCKS, CONTACTS};
use crate::domain::contact::{Alias, Block, Contact, ContactEdge};
use crate::domain::id::UserId;
use crate::ports::{ContactRepository, RepositoryError};

/// Contact repository on the collections `contacts` and `blocks`.
#[derive(Debug)]
pub(super) struct MongoContacts {
    connection: Arc<Connection>,
}

/// Key of a document of either collection. The unique `_id` allows one contact and one block per pair.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct EdgeKey {
    /// User who has listed or blocked the other.
    owner: Uuid,
    /// User who is listed or blocked.
    user: Uuid,
}

/// A document of `contacts`, as it is read.
#[derive(Debug, Deserialize)]
struct ContactDocument {
    #[serde(rename = "_id")]
    key: EdgeKey,
    #[serde(default)]
    alias: Option<String>,
    added_at: DateTime,
}

/// A document of `blocks`, as it is read.
#[derive(Debug, Deserialize)]
struct BlockDocument {
    #[serde(rename = "_id")]
    key: EdgeKey,
    blocked_at: DateTime,
}

impl MongoContacts {
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    /// Updates a document, or inserts it if it is missing, and returns its new state.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store fails, or two writers keep inserting it until the deadline.
    async fn upsert<D>(&self, collection: &str, edge: ContactEdge, changes: Document) -> Result<D, RepositoryError>
    where
        D: DeserializeOwned + Send + Sync,
    {
        let collection = self.connection.collection::<D>(collection);
        let deadline = Deadline::after(VISIBILITY_TIMEOUT);
        let mut backoff = Backoff::new();
        loop {
            let mut session = self.connection.session().await?;
            let update = collection
                .find_one_and_update(filter(edge), changes.clone())
                .upsert(true)
                .return_document(ReturnDocument::After)
                .session(&mut *session);
            match Session::step(update).await {
                Ok(Some(document)) => return Ok(document),
                Ok(None) => return Err(RepositoryError::internal("an upsert returned no document")),
                // Of two upserts at the same time both may try to insert, and one finds the key taken. Once the other's
                // document shows, this one updates it.
                Err(error) if duplicate_of(&error).is_some() && !deadline.has_passed() => backoff.pause().await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Deletes the documents that a filter selects, and reports whether there were any.
    async fn delete(&self, collection: &str, filter: Document) -> Result<bool, RepositoryError> {
        let mut session = self.connection.session().await?;
        let collection = self.connection.collection::<Document>(collection);
        let delete = collection.delete_many(filter).session(&mut *session);
        Ok(Session::step(delete).await?.deleted_count > 0)
    }

    /// Reads up to `limit` documents of an owner, by ascending user id, beginning after `after`.
    async fn page<D>(
        &self,
        collection: &str,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<D>, RepositoryError>
    where
        D: DeserializeOwned + Send + Sync,
    {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut filter = doc! {"owner_id": owner_id.to_bson()};
        if let Some(after) = after {
            filter.insert("user_id", doc! {"$gt": after.to_bson()});
        }
        let options = FindOptions::builder()
            .sort(doc! {"user_id": 1})
            .limit(limited(limit))
            .build();
        self.connection.find(collection, filter, options).await
    }

    /// Returns those of the edges that the collection has, in any order.
    async fn among(&self, collection: &str, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        if edges.is_empty() {
            return Ok(Vec::new());
        }
        let keys = edges.iter().map(|edge| key(*edge));
        let (keys, mut owners): (Vec<Bson>, Vec<Uuid>) = keys.map(|key| (Bson::from(key), key.owner)).unzip();
        owners.sort_unstable();
        owners.dedup();
        // The keys would do; the owners are named too since they are the shard key, and the hint keeps the server from
        // reading all contacts of the owners instead.
        let filter = doc! {"_id": {"$in": keys}, "owner_id": {"$in": owners}};
        let options = FindOptions::builder()
            .projection(doc! {"_id": 1})
            .hint(Hint::Keys(doc! {"_id": 1}))
            .build();
        let found: Vec<Keyed<EdgeKey>> = self.connection.find(collection, filter, options).await?;
        Ok(found.into_iter().map(|document| edge(document.key)).collect())
    }
}

#[async_trait]
impl ContactRepository for MongoContacts {
    async fn put(&self, contact: Contact) -> Result<Contact, RepositoryError> {
        let mut changes = doc! {"$setOnInsert": {
            "v": VERSION, "user_id": contact.user_id.to_bson(), "added_at": date(contact.added_at),
        }};
        match &contact.alias {
            Some(alias) => changes.insert("$set", doc! {"alias": alias.as_str()}),
            None => changes.insert("$unset", doc! {"alias": ""}),
        };
        let document: ContactDocument = self.upsert(CONTACTS, contact.edge(), changes).await?;
        Ok(document.into_contact())
    }

    async fn remove(&self, edge: ContactEdge) -> Result<bool, RepositoryError> {
        self.delete(CONTACTS, filter(edge)).await
    }

    async fn contacts(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Contact>, RepositoryError> {
        let found: Vec<ContactDocument> = self.page(CONTACTS, owner_id, after, limit).await?;
        Ok(found.into_iter().map(ContactDocument::into_contact).collect())
    }

    async fn listed(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        self.among(CONTACTS, edges).await
    }

    async fn block(&self, block: Block) -> Result<Block, RepositoryError> {
        let changes = doc! {"$setOnInsert": {
            "v": VERSION, "user_id": block.user_id.to_bson(), "blocked_at": date(block.blocked_at),
        }};
        let document: BlockDocument = self.upsert(BLOCKS, block.edge(), changes).await?;
        Ok(document.into_block())
    }

    async fn unblock(&self, edge: ContactEdge) -> Result<bool, RepositoryError> {
        self.delete(BLOCKS, filter(edge)).await
    }

    async fn blocks(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Block>, RepositoryError> {
        let found: Vec<BlockDocument> = self.page(BLOCKS, owner_id, after, limit).await?;
        Ok(found.into_iter().map(BlockDocument::into_block).collect())
    }

    async fn blocked(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        self.among(BLOCKS, edges).await
    }

    async fn forget(&self, owner_id: UserId) -> Result<(), RepositoryError> {
        for collection in [CONTACTS, BLOCKS] {
            self.delete(collection, doc! {"owner_id": owner_id.to_bson()}).await?;
        }
        Ok(())
    }
}

impl From<EdgeKey> for Bson {
    fn from(key: EdgeKey) -> Self {
        doc! {"owner": key.owner, "user": key.user}.into()
    }
}

impl ContactDocument {
    fn into_contact(self) -> Contact {
        let ContactEdge { owner_id, user_id } = edge(self.key);
        Contact {
            owner_id,
            user_id,
            alias: self.alias.map(Alias::from_stored),
            added_at: moment(self.added_at),
        }
    }
}

impl BlockDocument {
    fn into_block(self) -> Block {
        let ContactEdge { owner_id, user_id } = edge(self.key);
        Block {
            owner_id,
            user_id,
            blocked_at: moment(self.blocked_at),
        }
    }
}

fn key(edge: ContactEdge) -> EdgeKey {
    EdgeKey {
        owner: edge.owner_id.to_bson(),
        user: edge.user_id.to_bson(),
    }
}

fn edge(key: EdgeKey) -> ContactEdge {
    ContactEdge::new(UserId::from_bson(key.owner), UserId::from_bson(key.user))
}

/// Selects one document, in its owner's shard.
fn filter(edge: ContactEdge) -> Document {
    doc! {"_id": key(edge), "owner_id": edge.owner_id.to_bson()}
}

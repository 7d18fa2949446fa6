//! Records of files, references to them, and unfinished uploads: one document each, changed by single commands.
//!
//! A file and a reference to it are on different shards. Whoever refers writes the reference and reads the file; whoever
//! removes writes the file's state and reads the references. Both read no earlier than their own write, at one time of
//! the cluster for all shards: of two writes, the later one's reader sees the earlier one. So they can't miss each other.

mod documents;
mod references;
mod uploads;

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::error::Result as BsonResult;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{AggregateOptions, FindOptions, Hint, ReturnDocument, UpdateModifications};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::documents::{FactsDocument, MediaDocument};
use self::references::RefDocument;
use self::uploads::{PartDocument, UploadDocument};
use super::command;
use super::connection::{Connection, Session};
use super::fields::{Id, binary, count, date, limited, long, uuids};
use super::retry::{Backoff, Deadline, VISIBILITY_TIMEOUT};
use super::schema::{CONTENT, DUE, MEDIA, MEDIA_REFS, OWNER, PROCESSING, UPLOADS};
use crate::domain::id::{BlobId, ConversationId, MediaId, UserId};
use crate::domain::media::{Holder, Media, MediaFacts, MediaRef, MediaState, MediaStatus, Upload, UploadPart, Usage};
use crate::domain::timestamp::Timestamp;
use crate::ports::{MediaInserted, MediaRepository, RepositoryError, UploadStarted};

/// Media repository on the collections `media`, `media_refs` and `uploads`.
#[derive(Debug)]
pub(super) struct MongoMedia {
    connection: Arc<Connection>,
}

/// Sum over what a user has.
#[derive(Debug, Deserialize)]
struct UsageDocument {
    count: i64,
    bytes: i64,
}

#[async_trait]
impl MediaRepository for MongoMedia {
    async fn insert(&self, media: &Media) -> Result<MediaInserted, RepositoryError> {
        let taken: Option<MediaDocument> = self.insert_new(MEDIA, media.id, &MediaDocument::new(media)).await?;
        Ok(match taken {
            Some(document) => MediaInserted::Exists(Box::new(document.into_media()?)),
            None => MediaInserted::Inserted,
        })
    }

    async fn find(&self, ids: &[MediaId]) -> Result<Vec<Media>, RepositoryError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let filter = doc! {"_id": {"$in": uuids(ids)}, "state": present()};
        self.read(filter, FindOptions::default()).await
    }

    async fn sibling(&self, owner_id: UserId, sha256: &[u8; 32]) -> Result<Option<Media>, RepositoryError> {
        let filter = doc! {
            "owner_id": owner_id.to_bson(), "sha256": binary(sha256), "state": MediaState::Live.as_str(),
        };
        let options = page(doc! {"created_at": 1, "_id": 1}, 1, CONTENT);
        Ok(self.read(filter, options).await?.pop())
    }

    async fn usage(&self, owner_id: UserId) -> Result<Usage, RepositoryError> {
        let pipeline = vec![
            doc! {"$match": {"owner_id": owner_id.to_bson(), "state": present()}},
            doc! {"$group": {"_id": null, "count": {"$sum": 1_i64}, "bytes": {"$sum": "$size"}}},
        ];
        self.sum(MEDIA, pipeline).await
    }

    async fn of_owner(
        &self,
        owner_id: UserId,
        after: Option<MediaId>,
        limit: usize,
    ) -> Result<Vec<Media>, RepositoryError> {
        let filter = doc! {"owner_id": owner_id.to_bson(), "state": present()};
        self.page(filter, after, limit, OWNER).await
    }

    async fn all(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Media>, RepositoryError> {
        self.page(doc! {"state": present()}, after, limit, "_id_").await
    }

    async fn process(&self, id: MediaId, facts: &MediaFacts) -> Result<Option<Media>, RepositoryError> {
        let facts = FactsDocument::of(facts).map_err(RepositoryError::internal)?;
        let processing = doc! {
            "_id": id.to_bson(), "status": MediaStatus::Processing.as_str(), "state": present(),
        };
        let ready = doc! {"$set": {"status": MediaStatus::Ready.as_str(), "facts": facts}};
        let document: Option<MediaDocument> = self.change(MEDIA, processing, ready).await?;
        document.map(MediaDocument::into_media).transpose()
    }

    async fn unprocessed(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Media>, RepositoryError> {
        let filter = doc! {"status": MediaStatus::Processing.as_str(), "state": present()};
        self.page(filter, after, limit, PROCESSING).await
    }

    async fn scanned(&self, id: MediaId, at: Timestamp) -> Result<(), RepositoryError> {
        let statement = doc! {"q": {"_id": id.to_bson()}, "u": {"$max": {"scanned_at": date(at)}}};
        self.persist(command::update(MEDIA, [statement], command::Order::Kept))
            .await
    }

    async fn refer(&self, refs: &[MediaRef]) -> Result<(), RepositoryError> {
        if refs.is_empty() {
            return Ok(());
        }
        self.persist(references::refer(refs)).await
    }

    async fn refs(&self, ids: &[MediaId]) -> Result<Vec<MediaRef>, RepositoryError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.read_refs(doc! {"media_id": {"$in": uuids(ids)}}, FindOptions::default())
            .await
    }

    async fn refs_in(&self, conversation_id: ConversationId, limit: usize) -> Result<Vec<MediaRef>, RepositoryError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let options = FindOptions::builder().limit(limited(limit)).build();
        self.read_refs(doc! {"conversation_id": conversation_id.to_bson()}, options)
            .await
    }

    /// Schedules the check in one command and removes the references in a second, so that a crash in between leaves a
    /// reference rather than a file that nobody looks at.
    async fn release(&self, refs: &[(MediaId, Holder)], check_at: Timestamp) -> Result<(), RepositoryError> {
        if refs.is_empty() {
            return Ok(());
        }
        let connection = self.connection.admit().await?;
        let ids = refs.iter().map(|(media_id, _)| *media_id);
        for command in [references::schedule(ids, check_at), references::release(refs)] {
            connection.persist(command.map_err(RepositoryError::internal)?).await?;
        }
        Ok(())
    }

    /// Takes two commands, in the order of those of [`release`](Self::release).
    async fn expire(&self, refs: &[MediaRef], check_at: Timestamp) -> Result<(), RepositoryError> {
        if refs.is_empty() {
            return Ok(());
        }
        let connection = self.connection.admit().await?;
        let ids = refs.iter().map(|reference| reference.media_id);
        for command in [references::schedule(ids, check_at), references::expire(refs)] {
            connection.persist(command.map_err(RepositoryError::internal)?).await?;
        }
        Ok(())
    }

    async fn schedule(&self, ids: &[MediaId], at: Timestamp) -> Result<(), RepositoryError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.persist(references::schedule(ids.iter().copied(), at)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Media>, RepositoryError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let options = page(doc! {"check_at": 1, "_id": 1}, limit, DUE);
        self.read(doc! {"check_at": {"$lte": date(now)}}, options).await
    }

    async fn set_state(
        &self,
        id: MediaId,
        from: MediaState,
        to: MediaState,
        check_at: Option<Timestamp>,
    ) -> Result<bool, RepositoryError> {
        let mut session = self.connection.session().await?;
        let change = match check_at {
            Some(check_at) => doc! {"$set": {"state": to.as_str(), "check_at": date(check_at)}},
            None => doc! {"$set": {"state": to.as_str()}, "$unset": {"check_at": ""}},
        };
        // Of two that move the file at once, one finds it in another state.
        let there = doc! {"_id": id.to_bson(), "state": from.as_str()};
        let collection = self.connection.collection::<Document>(MEDIA);
        let update = collection.update_one(there, change).session(&mut *session);
        Ok(Session::step(update).await?.matched_count == 1)
    }

    async fn holds_blob(&self, blob: BlobId) -> Result<bool, RepositoryError> {
        let blob = blob.to_bson();
        let filter = doc! {"$or": [{"blob": blob}, {"facts.thumbnail.blob": blob}], "state": present()};
        let options = FindOptions::builder().limit(1).build();
        Ok(!self.read(filter, options).await?.is_empty())
    }

    /// Takes two commands: the record goes last, so that an interrupted removal is found and finished. Nothing leaves
    /// the state `removed`, so the file is still in it by then.
    async fn remove(&self, id: MediaId) -> Result<(), RepositoryError> {
        let removed = doc! {"_id": id.to_bson(), "state": MediaState::Removed.as_str()};
        if self.read(removed.clone(), FindOptions::default()).await?.is_empty() {
            return Ok(());
        }
        let connection = self.connection.admit().await?;
        let refs = doc! {"media_id": id.to_bson()};
        for command in [command::delete(MEDIA_REFS, &refs), command::delete(MEDIA, &removed)] {
            connection.persist(command.map_err(RepositoryError::internal)?).await?;
        }
        Ok(())
    }

    async fn start_upload(&self, upload: &Upload) -> Result<UploadStarted, RepositoryError> {
        let taken: Option<UploadDocument> = self
            .insert_new(UPLOADS, upload.id, &UploadDocument::new(upload))
            .await?;
        Ok(match taken {
            Some(document) => UploadStarted::Exists(Box::new(document.into_upload())),
            None => UploadStarted::Started,
        })
    }

    async fn upload(&self, id: MediaId) -> Result<Option<Upload>, RepositoryError> {
        let filter = doc! {"_id": id.to_bson()};
        let mut found: Vec<UploadDocument> = self.connection.find(UPLOADS, filter, FindOptions::default()).await?;
        Ok(found.pop().map(UploadDocument::into_upload))
    }

    async fn reserve_part(&self, id: MediaId, blob: BlobId) -> Result<Option<Upload>, RepositoryError> {
        let reserve = doc! {"$addToSet": {"reserved": blob.to_bson()}};
        let document: Option<UploadDocument> = self.change(UPLOADS, doc! {"_id": id.to_bson()}, reserve).await?;
        Ok(document.map(UploadDocument::into_upload))
    }

    async fn add_part(
        &self,
        id: MediaId,
        offset: u64,
        part: UploadPart,
        expires_at: Timestamp,
    ) -> Result<Option<Upload>, RepositoryError> {
        let there = doc! {"_id": id.to_bson(), "offset": long(offset)};
        let append = doc! {
            "$pull": {"reserved": part.blob.to_bson()},
            "$push": {"parts": PartDocument::new(&part)},
            "$inc": {"offset": long(part.size)},
            "$set": {"expires_at": date(expires_at)},
        };
        let document: Option<UploadDocument> = self.change(UPLOADS, there, append).await?;
        Ok(document.map(UploadDocument::into_upload))
    }

    async fn release_parts(&self, id: MediaId, blobs: &[BlobId]) -> Result<(), RepositoryError> {
        let release = doc! {"$pullAll": {"reserved": uuids(blobs)}};
        let statement = doc! {"q": {"_id": id.to_bson()}, "u": release};
        self.persist(command::update(UPLOADS, [statement], command::Order::Kept))
            .await
    }

    async fn retire_upload(&self, id: MediaId, expires_at: Timestamp) -> Result<Option<Upload>, RepositoryError> {
        let retire = vec![doc! {"$set": {
            "reserved": {"$concatArrays": ["$reserved", "$parts.blob"]},
            "parts": {"$literal": []},
            "expires_at": date(expires_at),
        }}];
        let document: Option<UploadDocument> = self.change(UPLOADS, doc! {"_id": id.to_bson()}, retire).await?;
        Ok(document.map(UploadDocument::into_upload))
    }

    async fn unfinished(&self, owner_id: UserId) -> Result<Usage, RepositoryError> {
        // A length that is missing is less than every number.
        let is_unfinished = doc! {"$lt": ["$offset", "$length"]};
        let pipeline = vec![
            doc! {"$match": {"owner_id": owner_id.to_bson(), "$expr": is_unfinished}},
            doc! {"$group": {"_id": null, "count": {"$sum": 1_i64}, "bytes": {"$sum": "$offset"}}},
        ];
        self.sum(UPLOADS, pipeline).await
    }

    async fn end_upload(&self, id: MediaId) -> Result<Option<Upload>, RepositoryError> {
        let mut session = self.connection.session().await?;
        let collection = self.connection.collection::<UploadDocument>(UPLOADS);
        let delete = collection
            .find_one_and_delete(doc! {"_id": id.to_bson()})
            .session(&mut *session);
        Ok(Session::step(delete).await?.map(UploadDocument::into_upload))
    }

    async fn expired_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<Upload>, RepositoryError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let options = page(doc! {"expires_at": 1, "_id": 1}, limit, "end");
        let filter = doc! {"expires_at": {"$lte": date(now)}};
        let found: Vec<UploadDocument> = self.connection.find(UPLOADS, filter, options).await?;
        Ok(found.into_iter().map(UploadDocument::into_upload).collect())
    }
}

impl MongoMedia {
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    /// Sums up what a user has.
    async fn sum(&self, collection: &str, pipeline: Vec<Document>) -> Result<Usage, RepositoryError> {
        let options = AggregateOptions::builder().hint(Hint::Name(OWNER.to_owned())).build();
        let found: Vec<UsageDocument> = self.connection.aggregate(collection, pipeline, options).await?;
        Ok(found.first().map_or_else(Usage::default, |usage| Usage {
            count: count(usage.count),
            bytes: count(usage.bytes),
        }))
    }

    /// Inserts a document, or returns the one that has its id.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store fails, or the other document is not readable until the deadline.
    async fn insert_new<D>(&self, collection: &str, id: MediaId, document: &D) -> Result<Option<D>, RepositoryError>
    where
        D: Serialize + DeserializeOwned + Send + Sync,
    {
        let deadline = Deadline::after(VISIBILITY_TIMEOUT);
        let mut backoff = Backoff::new();
        while self.connection.insert(collection, document).await?.is_some() {
            let filter = doc! {"_id": id.to_bson()};
            let mut found: Vec<D> = self.connection.find(collection, filter, FindOptions::default()).await?;
            if let Some(found) = found.pop() {
                return Ok(Some(found));
            }
            // A majority does not have the other document yet, or it has been removed since.
            if deadline.has_passed() {
                return Err(RepositoryError::unavailable("the document is not readable yet"));
            }
            backoff.pause().await;
        }
        Ok(None)
    }

    /// Changes the document that a filter selects, and returns its new state.
    async fn change<D>(
        &self,
        collection: &str,
        filter: Document,
        change: impl Into<UpdateModifications>,
    ) -> Result<Option<D>, RepositoryError>
    where
        D: DeserializeOwned + Send + Sync,
    {
        let mut session = self.connection.session().await?;
        let collection = self.connection.collection::<D>(collection);
        let update = collection
            .find_one_and_update(filter, change)
            .return_document(ReturnDocument::After)
            .session(&mut *session);
        Ok(Session::step(update).await?)
    }

    /// Sends a write command that may be repeated.
    async fn persist(&self, command: BsonResult<RawDocumentBuf>) -> Result<(), RepositoryError> {
        let command = command.map_err(RepositoryError::internal)?;
        self.connection.admit().await?.persist(command).await
    }

    async fn read(&self, filter: Document, options: FindOptions) -> Result<Vec<Media>, RepositoryError> {
        let found: Vec<MediaDocument> = self.connection.find(MEDIA, filter, options).await?;
        found.into_iter().map(MediaDocument::into_media).collect()
    }

    async fn read_refs(&self, filter: Document, options: FindOptions) -> Result<Vec<MediaRef>, RepositoryError> {
        let found: Vec<RefDocument> = self.connection.find(MEDIA_REFS, filter, options).await?;
        found.into_iter().map(RefDocument::into_reference).collect()
    }

    /// Reads up to `limit` files by ascending id, beginning after `after`.
    async fn page(
        &self,
        mut filter: Document,
        after: Option<MediaId>,
        limit: usize,
        index: &str,
    ) -> Result<Vec<Media>, RepositoryError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        if let Some(after) = after {
            filter.insert("_id", doc! {"$gt": after.to_bson()});
        }
        self.read(filter, page(doc! {"_id": 1}, limit, index)).await
    }
}

/// Condition on the state of a file that is not removed.
fn present() -> Document {
    doc! {"$ne": MediaState::Removed.as_str()}
}

/// Options of a page that an index gives in order.
fn page(order: Document, limit: usize, index: &str) -> FindOptions {
    FindOptions::builder()
        .sort(order)
        .limit(limited(limit))
        .hint(Hint::Name(index.to_owned()))
        .build()
}

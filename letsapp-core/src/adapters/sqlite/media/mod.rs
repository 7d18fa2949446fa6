//! Uploaded files in SQLite, with the references to them and unfinished uploads.

mod records;
mod references;
mod uploads;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::database::Database;
use super::transaction::Transaction;
use super::values::{array, integer};
use crate::domain::id::{BlobId, ConversationId, MediaId, UserId};
use crate::domain::media::{Holder, Media, MediaFacts, MediaRef, MediaState, Upload, UploadPart, Usage};
use crate::domain::timestamp::Timestamp;
use crate::ports::{MediaInserted, MediaRepository, RepositoryError, UploadStarted};

pub(super) struct SqliteMedia(pub(super) Arc<Database>);

/// Statements whose query plans are tested, by file.
#[cfg(test)]
pub(super) const READS: &[&[&str]] = &[records::READS, references::READS, uploads::READS];

/// Statements that must get their order from an index.
#[cfg(test)]
pub(super) const PAGES: &[&[&str]] = &[records::PAGES, uploads::PAGES];

/// Statements whose indexes are tested.
#[cfg(test)]
pub(super) use self::records::{DUE, UNPROCESSED, USAGE};
#[cfg(test)]
pub(super) use self::uploads::UNFINISHED;

#[async_trait]
impl MediaRepository for SqliteMedia {
    async fn insert(&self, media: &Media) -> Result<MediaInserted, RepositoryError> {
        let media = media.clone();
        self.write(move |transaction| {
            if records::insert(transaction, &media)? {
                return Ok(MediaInserted::Inserted);
            }
            let stored = records::by_id(transaction.connection(), media.id)?;
            stored.map_or(Err(rusqlite::Error::QueryReturnedNoRows), |stored| {
                Ok(MediaInserted::Exists(Box::new(stored)))
            })
        })
        .await
    }

    async fn find(&self, ids: &[MediaId]) -> Result<Vec<Media>, RepositoryError> {
        let ids = ids.to_vec();
        self.read(move |connection| {
            let ids = array(ids.iter().map(|id| *id.as_bytes()));
            let mut statement = connection.prepare_cached(records::FIND)?;
            statement.query_map([ids], records::media)?.collect()
        })
        .await
    }

    async fn sibling(&self, owner_id: UserId, sha256: &[u8; 32]) -> Result<Option<Media>, RepositoryError> {
        let sha256 = *sha256;
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(records::SIBLING)?;
            statement
                .query_row(params![owner_id, sha256], records::media)
                .optional()
        })
        .await
    }

    async fn usage(&self, owner_id: UserId) -> Result<Usage, RepositoryError> {
        self.read(move |connection| usage(connection, records::USAGE, owner_id))
            .await
    }

    async fn of_owner(
        &self,
        owner_id: UserId,
        after: Option<MediaId>,
        limit: usize,
    ) -> Result<Vec<Media>, RepositoryError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(records::OF_OWNER)?;
            let page = params![owner_id, after, integer(limit as u64)];
            statement.query_map(page, records::media)?.collect()
        })
        .await
    }

    async fn all(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Media>, RepositoryError> {
        self.page(records::ALL, after, limit).await
    }

    async fn process(&self, id: MediaId, facts: &MediaFacts) -> Result<Option<Media>, RepositoryError> {
        let facts = facts.clone();
        self.write(move |transaction| records::process(transaction, id, &facts))
            .await
    }

    async fn unprocessed(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Media>, RepositoryError> {
        self.page(records::UNPROCESSED, after, limit).await
    }

    async fn scanned(&self, id: MediaId, at: Timestamp) -> Result<(), RepositoryError> {
        self.write(move |transaction| {
            transaction.prepare(records::SCANNED)?.execute(params![id, at])?;
            Ok(())
        })
        .await
    }

    async fn refer(&self, refs: &[MediaRef]) -> Result<(), RepositoryError> {
        self.each(refs, references::refer).await
    }

    async fn refs(&self, ids: &[MediaId]) -> Result<Vec<MediaRef>, RepositoryError> {
        let ids = ids.to_vec();
        self.read(move |connection| {
            let ids = array(ids.iter().map(|id| *id.as_bytes()));
            let mut statement = connection.prepare_cached(references::OF_MEDIA)?;
            statement.query_map([ids], references::reference)?.collect()
        })
        .await
    }

    async fn refs_in(&self, conversation_id: ConversationId, limit: usize) -> Result<Vec<MediaRef>, RepositoryError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(references::IN_CONVERSATION)?;
            let page = params![conversation_id, integer(limit as u64)];
            statement.query_map(page, references::reference)?.collect()
        })
        .await
    }

    async fn release(&self, refs: &[(MediaId, Holder)], check_at: Timestamp) -> Result<(), RepositoryError> {
        self.each(refs, move |transaction, (media_id, holder)| {
            records::schedule(transaction, *media_id, check_at)?;
            references::release(transaction, *media_id, holder)
        })
        .await
    }

    async fn expire(&self, refs: &[MediaRef], check_at: Timestamp) -> Result<(), RepositoryError> {
        self.each(refs, move |transaction, reference| {
            records::schedule(transaction, reference.media_id, check_at)?;
            references::expire(transaction, reference)
        })
        .await
    }

    async fn schedule(&self, ids: &[MediaId], at: Timestamp) -> Result<(), RepositoryError> {
        self.each(ids, move |transaction, id| records::schedule(transaction, *id, at))
            .await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Media>, RepositoryError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(records::DUE)?;
            let page = params![now, integer(limit as u64)];
            statement.query_map(page, records::media)?.collect()
        })
        .await
    }

    async fn set_state(
        &self,
        id: MediaId,
        from: MediaState,
        to: MediaState,
        check_at: Option<Timestamp>,
    ) -> Result<bool, RepositoryError> {
        self.write(move |transaction| {
            let moved = transaction
                .prepare(records::SET_STATE)?
                .execute(params![id, from, to, check_at])?;
            Ok(moved == 1)
        })
        .await
    }

    async fn holds_blob(&self, blob: BlobId) -> Result<bool, RepositoryError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(records::HOLDS_BLOB)?;
            statement.query_row([blob], |row| row.get(0))
        })
        .await
    }

    async fn remove(&self, id: MediaId) -> Result<(), RepositoryError> {
        self.write(move |transaction| {
            if transaction.prepare(records::REMOVE)?.execute([id])? == 1 {
                transaction.prepare(references::REMOVE)?.execute([id])?;
            }
            Ok(())
        })
        .await
    }

    async fn start_upload(&self, upload: &Upload) -> Result<UploadStarted, RepositoryError> {
        let upload = upload.clone();
        self.write(
            move |transaction| match uploads::by_id(transaction.connection(), upload.id)? {
                Some(stored) => Ok(UploadStarted::Exists(Box::new(stored))),
                None => uploads::put(transaction, &upload).map(|()| UploadStarted::Started),
            },
        )
        .await
    }

    async fn upload(&self, id: MediaId) -> Result<Option<Upload>, RepositoryError> {
        self.read(move |connection| uploads::by_id(connection, id)).await
    }

    async fn reserve_part(&self, id: MediaId, blob: BlobId) -> Result<Option<Upload>, RepositoryError> {
        self.write(move |transaction| {
            let Some(mut upload) = uploads::by_id(transaction.connection(), id)? else {
                return Ok(None);
            };
            upload.reserve(blob);
            uploads::put(transaction, &upload).map(|()| Some(upload))
        })
        .await
    }

    async fn add_part(
        &self,
        id: MediaId,
        offset: u64,
        part: UploadPart,
        expires_at: Timestamp,
    ) -> Result<Option<Upload>, RepositoryError> {
        self.write(move |transaction| {
            let found = uploads::by_id(transaction.connection(), id)?;
            let Some(mut upload) = found.filter(|upload| upload.offset == offset) else {
                return Ok(None);
            };
            upload.append(part);
            upload.expires_at = expires_at;
            uploads::put(transaction, &upload).map(|()| Some(upload))
        })
        .await
    }

    async fn release_parts(&self, id: MediaId, blobs: &[BlobId]) -> Result<(), RepositoryError> {
        let blobs = blobs.to_vec();
        self.write(move |transaction| {
            let Some(mut upload) = uploads::by_id(transaction.connection(), id)? else {
                return Ok(());
            };
            upload.reserved.retain(|blob| !blobs.contains(blob));
            uploads::put(transaction, &upload)
        })
        .await
    }

    async fn retire_upload(&self, id: MediaId, expires_at: Timestamp) -> Result<Option<Upload>, RepositoryError> {
        self.write(move |transaction| {
            let Some(mut upload) = uploads::by_id(transaction.connection(), id)? else {
                return Ok(None);
            };
            upload.retire();
            upload.expires_at = expires_at;
            uploads::put(transaction, &upload).map(|()| Some(upload))
        })
        .await
    }

    async fn unfinished(&self, owner_id: UserId) -> Result<Usage, RepositoryError> {
        self.read(move |connection| usage(connection, uploads::UNFINISHED, owner_id))
            .await
    }

    async fn end_upload(&self, id: MediaId) -> Result<Option<Upload>, RepositoryError> {
        self.write(move |transaction| {
            let mut statement = transaction.prepare(uploads::END)?;
            statement.query_row([id], uploads::upload).optional()
        })
        .await
    }

    async fn expired_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<Upload>, RepositoryError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(uploads::EXPIRED)?;
            let page = params![now, integer(limit as u64)];
            statement.query_map(page, uploads::upload)?.collect()
        })
        .await
    }
}

impl SqliteMedia {
    async fn read<T, F>(&self, read: F) -> Result<T, RepositoryError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.0.readers.read(read).await
    }

    async fn write<T, F>(&self, step: F) -> Result<T, RepositoryError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.0.writer.write(step).await
    }

    /// Carries out a step for each of the items, all in one transaction.
    async fn each<I, F>(&self, items: &[I], mut step: F) -> Result<(), RepositoryError>
    where
        I: Copy + Send + 'static,
        F: FnMut(&Transaction<'_>, &I) -> rusqlite::Result<()> + Send + 'static,
    {
        let (bytes, items) = (size_of_val(items), items.to_vec());
        let all = move |transaction: &mut Transaction<'_>| items.iter().try_for_each(|item| step(transaction, item));
        self.0.writer.write_sized(bytes, all).await
    }

    /// Returns a page of files, by id.
    async fn page(
        &self,
        sql: &'static str,
        after: Option<MediaId>,
        limit: usize,
    ) -> Result<Vec<Media>, RepositoryError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let page = params![after, integer(limit as u64)];
            statement.query_map(page, records::media)?.collect()
        })
        .await
    }
}

/// Reads the number and the size of what a user has.
fn usage(connection: &Connection, sql: &str, owner_id: UserId) -> rusqlite::Result<Usage> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row([owner_id], |row| {
        Ok(Usage {
            count: row.get::<_, i64>(0)?.unsigned_abs(),
            bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    })
}

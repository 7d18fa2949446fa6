//! Removing blobs, and those that interrupted writes and removals have left.

use mongodb::bson::{Document, doc};
use mongodb::options::FindOptions;

use super::claims::{MAX_AGE, apply};
use super::documents::{Pending, REMOVAL, hiding};
use crate::adapters::mongodb::command::delete;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::Id;
use crate::adapters::mongodb::schema::{BLOBS, CHUNKS};
use crate::domain::id::BlobId;
use crate::ports::{BlobError, RepositoryError};

/// Number of leftovers that one query returns.
const PAGE: i64 = 100;

/// Removes the blob if the filter `of`, which names its id, selects it; returns whether it does.
///
/// # Errors
/// [`RepositoryError`] if a step is not acknowledged. The removal can be repeated, and [`recover`] finishes it
/// otherwise.
pub(super) async fn remove(connection: &Connection, id: BlobId, of: Document) -> Result<bool, RepositoryError> {
    let connection = connection.admit().await?;
    // Hidden first: nobody must begin to read what lacks chunks.
    if apply(&connection, hiding(of)).await? == 0 {
        return Ok(false);
    }
    remove_chunks(&connection, id).await?;
    let hidden = delete(BLOBS, &doc! {"_id": id.to_bson(), "pending.kind": REMOVAL});
    connection.persist(hidden.map_err(RepositoryError::internal)?).await?;
    Ok(true)
}

/// Removes the chunks of an id that nobody claims.
///
/// # Errors
/// [`RepositoryError`] if a step fails.
pub(super) async fn remove_unclaimed(connection: &Connection, id: BlobId) -> Result<(), RepositoryError> {
    let options = FindOptions::builder().limit(1).projection(doc! {"_id": 1}).build();
    let found: Vec<Pending> = connection.find(BLOBS, doc! {"_id": id.to_bson()}, options).await?;
    if found.is_empty() {
        remove_chunks(connection, id).await?;
    }
    Ok(())
}

async fn remove_chunks(connection: &Connection, id: BlobId) -> Result<(), RepositoryError> {
    let chunks = delete(CHUNKS, &doc! {"files_id": id.to_bson()});
    connection.persist(chunks.map_err(RepositoryError::internal)?).await
}

/// Removes the blobs whose writer or remover has given no sign of life for [`MAX_AGE`].
///
/// # Errors
/// [`BlobError`] if a step fails; the rest is left to the next call.
pub(super) async fn recover(connection: &Connection) -> Result<(), BlobError> {
    let age = i64::try_from(MAX_AGE.as_millis()).unwrap_or(i64::MAX);
    let stale = doc! {
        "pending.renewed_at": {"$exists": true},
        "$expr": {"$lt": ["$pending.renewed_at", {"$subtract": ["$$NOW", age]}]},
    };
    loop {
        let options = FindOptions::builder().limit(PAGE).projection(doc! {"_id": 1}).build();
        let found: Vec<Pending> = connection.find(BLOBS, stale.clone(), options).await?;
        let count = found.len();
        for pending in found {
            // Once more with the age, by which a removal by another server is left alone.
            let mut of = stale.clone();
            of.insert("_id", pending.id);
            if remove(connection, BlobId::from_bson(pending.id), of).await? {
                tracing::info!(blob.id = %pending.id, "removed what was left of a blob");
            }
        }
        if i64::try_from(count).is_ok_and(|count| count < PAGE) {
            return Ok(());
        }
    }
}

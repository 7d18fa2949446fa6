//! Bytes in GridFS: a document per blob, and its bytes in chunks.
//!
//! The layout is that of GridFS, with which any tool can read a blob. The driver's own bucket is not used: its index of
//! chunks is not unique, a failed write of an id removes the chunks of another write of the same id, nothing removes
//! what a crash has left, and it reads no ranges.
//!
//! The document comes first, as a claim of the id, and has `pending` until the last chunk is written; readers do not see
//! it before. A writer renews the claim while it lives. A deletion marks the document, removes the chunks, and then the
//! document. So whatever is interrupted can be found by its document, and is removed by `recover`, by any server.

mod claims;
mod documents;
mod removal;
mod writing;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::bson::doc;
use mongodb::options::FindOptions;

use self::documents::{Blob, Chunk};
use self::removal::remove;
use super::connection::{Connection, Session};
use super::fields::{Id, count};
use super::retry::{Backoff, COMMIT_TIMEOUT, Deadline};
use super::schema::{BLOBS, CHUNKS};
use crate::adapters::blobs::{store, within};
use crate::domain::id::BlobId;
use crate::ports::{BlobError, BlobRead, BlobStore, ByteStream, Presentation, RepositoryError};

/// Chunks that a reader fetches ahead of the one that it hands out. With one, the database works while the client takes
/// the last.
const AHEAD: usize = 2;

/// Blob store on GridFS.
#[derive(Debug)]
pub(super) struct GridFs {
    connection: Arc<Connection>,
}

impl GridFs {
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }
}

#[async_trait]
impl BlobStore for GridFs {
    async fn put(&self, id: BlobId, bytes: ByteStream) -> Result<u64, BlobError> {
        store(writing::begin(Arc::clone(&self.connection), id), bytes).await
    }

    async fn get(&self, id: BlobId, range: Option<Range<u64>>) -> Result<BlobRead, BlobError> {
        let options = FindOptions::builder().limit(1).build();
        let visible = doc! {"_id": id.to_bson(), "pending": {"$exists": false}};
        let found: Vec<Blob> = self.connection.find(BLOBS, visible, options).await?;
        let blob = found.into_iter().next().ok_or(BlobError::NotFound)?;
        let size = count(blob.length);
        let range = within(range, size)?;
        let chunk_size = u64::try_from(blob.chunk_size).unwrap_or(0).max(1);
        let connection = Arc::clone(&self.connection);
        // Each chunk by a query of its own: a cursor would have to be kept open for a client that takes its time.
        let chunks = stream::iter(range.start / chunk_size..range.end.div_ceil(chunk_size))
            .map(move |n| {
                let whole = n * chunk_size..size.min((n + 1) * chunk_size);
                let part = range.start.max(whole.start)..range.end.min(whole.end);
                fetch(Arc::clone(&connection), id, n, whole, part)
            })
            .buffered(AHEAD);
        Ok(BlobRead {
            size,
            bytes: chunks.map_err(Into::into).boxed(),
        })
    }

    async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        // Those being written are not there yet; those being removed may have been left by an interrupted deletion.
        let of = doc! {"_id": id.to_bson(), "pending.kind": {"$ne": documents::WRITE}};
        remove(&self.connection, id, of).await?;
        Ok(())
    }

    async fn signed_url(&self, _: BlobId, _: Duration, _: &Presentation) -> Result<Option<String>, BlobError> {
        Ok(None)
    }

    async fn recover(&self) -> Result<(), BlobError> {
        removal::recover(&self.connection).await
    }

    async fn ping(&self) -> Result<(), BlobError> {
        let mut session = self.connection.session().await?;
        let ping = self
            .connection
            .database()
            .run_command(doc! {"ping": 1})
            .session(&mut *session);
        Session::step(ping).await.map_err(RepositoryError::from)?;
        Ok(())
    }
}

/// Reads a part of a chunk: the bytes `part` of the blob, of the bytes `whole` that the chunk has. Outlasts a failover, as
/// writes do: whoever downloads the file would have to begin again.
async fn fetch(
    connection: Arc<Connection>,
    id: BlobId,
    n: u64,
    whole: Range<u64>,
    part: Range<u64>,
) -> Result<Bytes, BlobError> {
    let n = i32::try_from(n).map_err(BlobError::internal)?;
    let options = FindOptions::builder()
        .limit(1)
        .projection(doc! {"_id": 0, "data": 1})
        .build();
    let filter = doc! {"files_id": id.to_bson(), "n": n};
    let (deadline, mut backoff) = (Deadline::after(COMMIT_TIMEOUT), Backoff::new());
    let found: Vec<Chunk> = loop {
        match connection.find(CHUNKS, filter.clone(), options.clone()).await {
            Err(RepositoryError::Unavailable(_)) if !deadline.has_passed() => backoff.pause().await,
            found => break found?,
        }
    };
    // Whoever deletes a blob hides it first, so a chunk is missing only for those who began to read before.
    let chunk = found.into_iter().next().ok_or(BlobError::NotFound)?;
    if chunk.data.bytes.len() as u64 != whole.end - whole.start {
        return Err(BlobError::internal(format!(
            "chunk {n} of blob {id} has {} bytes instead of {}",
            chunk.data.bytes.len(),
            whole.end - whole.start
        )));
    }
    let within = |offset: u64| usize::try_from(offset.saturating_sub(whole.start)).unwrap_or(usize::MAX);
    let slice = within(part.start)..within(part.end);
    Ok(Bytes::from(chunk.data.bytes).slice(slice))
}

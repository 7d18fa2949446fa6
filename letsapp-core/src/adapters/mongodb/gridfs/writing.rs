//! Writing a blob chunk by chunk.

use std::sync::Arc;

use bytes::Bytes;
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;

use super::claims::{Renewals, apply};
use super::documents::{chunk, claim, completion};
use super::removal::{remove, remove_unclaimed};
use crate::adapters::blobs::{CHUNK, Upload};
use crate::adapters::mongodb::command::{Order, insert, update};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::error::{Fault, is_passing};
use crate::adapters::mongodb::fields::Id;
use crate::adapters::mongodb::retry::{Backoff, COMMIT_TIMEOUT, Deadline};
use crate::adapters::mongodb::schema::{BLOBS, CHUNKS};
use crate::domain::id::BlobId;
use crate::ports::BlobError;

/// A blob of which the id is claimed.
pub(super) struct Writing {
    /// Admitted, so that closing the store waits until the blob is written or removed.
    connection: Arc<Connection>,
    id: BlobId,
    /// Tells this write from any other of the same id.
    token: ObjectId,
    /// Number of the next chunk.
    n: i32,
    /// Number of bytes written.
    size: u64,
    _renewals: Renewals,
}

/// Claims an id.
///
/// # Errors
/// [`BlobError::Exists`] if the id is taken, by a blob or by another who writes one.
pub(super) async fn begin(connection: Arc<Connection>, id: BlobId) -> Result<Writing, BlobError> {
    let connection = connection.admit().await?;
    let token = ObjectId::new();
    let command = update(BLOBS, [claim(id, token)], Order::Kept).map_err(BlobError::internal)?;
    // Sent once: a second attempt could not tell the first from a claim of somebody else.
    let claimed = match connection.write(command).await {
        Ok(reply) => match (reply.refusal.map(|refusal| refusal.fault), reply.unconfirmed) {
            (None, None) => Ok(()),
            (Some(Fault::Duplicate(_)), _) => return Err(BlobError::Exists),
            (Some(Fault::Lasting(cause)), _) => return Err(BlobError::internal(cause)),
            (Some(Fault::Passing(cause)), _) | (None, Some(cause)) => Err(BlobError::unavailable(cause)),
        },
        Err(error) if is_passing(&error) => Err(BlobError::unavailable(error)),
        Err(error) => return Err(BlobError::internal(error)),
    };
    let writing = Writing {
        _renewals: Renewals::start(Arc::clone(&connection), id, token),
        connection,
        id,
        token,
        n: 0,
        size: 0,
    };
    match claimed {
        Ok(()) => Ok(writing),
        Err(error) => {
            writing.discard().await;
            Err(error)
        }
    }
}

impl Writing {
    /// Inserts a chunk, again and again until a majority acknowledges it.
    async fn insert(&mut self, data: &[u8]) -> Result<(), BlobError> {
        let command = insert(CHUNKS, [chunk(self.id, self.n, data)]);
        let deadline = Deadline::after(COMMIT_TIMEOUT);
        let mut backoff = Backoff::new();
        loop {
            let failure = match self.connection.write(command.clone()).await {
                Ok(reply) => match (reply.refusal.map(|refusal| refusal.fault), reply.unconfirmed) {
                    // A duplicate is an attempt of ours that has arrived after all: nobody else has claimed the id.
                    (None | Some(Fault::Duplicate(_)), None) => break,
                    (Some(Fault::Lasting(cause)), _) => return Err(BlobError::internal(cause)),
                    (Some(Fault::Passing(cause)), _) | (_, Some(cause)) => BlobError::unavailable(cause),
                },
                Err(error) if is_passing(&error) => BlobError::unavailable(error),
                Err(error) => return Err(BlobError::internal(error)),
            };
            if deadline.has_passed() {
                return Err(failure);
            }
            backoff.pause().await;
        }
        self.n = self
            .n
            .checked_add(1)
            .ok_or_else(|| BlobError::internal("the blob has more chunks than can be numbered"))?;
        self.size += data.len() as u64;
        Ok(())
    }
}

impl Upload for Writing {
    const PART: usize = CHUNK;

    async fn write(&mut self, part: Bytes) -> Result<(), BlobError> {
        self.insert(&part).await
    }

    async fn finish(&mut self, rest: Bytes) -> Result<(), BlobError> {
        if !rest.is_empty() {
            self.insert(&rest).await?;
        }
        let found = apply(&self.connection, completion(self.id, self.token, self.size)).await?;
        if found == 0 {
            // Only if renewing the claim has failed for minutes.
            return Err(BlobError::unavailable("the claim of the blob was given up"));
        }
        Ok(())
    }

    async fn discard(self) {
        let ours = doc! {"_id": self.id.to_bson(), "token": self.token};
        let removed = match remove(&self.connection, self.id, ours).await {
            // The claim was given up, and chunks written since are nobody's.
            Ok(false) => remove_unclaimed(&self.connection, self.id).await,
            removed => removed.map(drop),
        };
        if let Err(error) = removed {
            tracing::warn!(blob.id = %self.id, %error, "a blob that was not finished will be removed later");
        }
    }
}

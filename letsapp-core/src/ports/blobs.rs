//! The store of bytes: uploaded files and their previews, without anything that is known about them.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::domain::id::BlobId;
use crate::ports::error::{BoxError, RepositoryError};

/// Bytes that arrive in chunks. Nothing is read ahead of the one who takes them, apart from a bounded number of chunks.
pub type ByteStream = BoxStream<'static, Result<Bytes, BoxError>>;

/// Stores bytes under ids, each once and for good: a blob is never changed, and the id of a deleted one is not used
/// again.
///
/// Bytes are streamed in both directions. A write or a read holds a bounded number of bytes in memory, whatever the
/// size of the blob: at most a few MiB, and usually less than one.
///
/// A store may be used by several servers at once. All methods have to be called in a tokio runtime.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Stores a blob, and returns its size in bytes.
    ///
    /// The blob is complete and durable once the result is `Ok`, and not visible before. Of several concurrent writes
    /// of one id, at most one succeeds. If the stream ends in an error, or the returned future is dropped, nothing stays
    /// behind: what was written is removed, in the background where that takes time. What a crash leaves is invisible,
    /// and removed by [`recover`](Self::recover).
    ///
    /// # Errors
    /// [`BlobError::Exists`] if there is a blob of this id, which stays as it is; [`BlobError::Interrupted`] with the
    /// error of the stream; [`BlobError::Unavailable`] or [`BlobError::Internal`] when the store fails. Only after
    /// `Unavailable` may the blob be there nevertheless; [deleting](Self::delete) it makes sure that it is not.
    async fn put(&self, id: BlobId, bytes: ByteStream) -> Result<u64, BlobError>;

    /// Opens a blob, whole or a range of it. The range may be empty.
    ///
    /// If the blob is deleted while it is read, the stream either goes on to its end or ends in an error. It never
    /// contains other bytes than those stored, nor ends early without an error.
    ///
    /// # Errors
    /// [`BlobError::NotFound`]; [`BlobError::OutOfRange`] if the range ends beyond the blob's end, or before its own
    /// beginning; [`BlobError::Unavailable`] or [`BlobError::Internal`] when the store fails.
    async fn get(&self, id: BlobId, range: Option<Range<u64>>) -> Result<BlobRead, BlobError>;

    /// Deletes a blob. Does nothing if there is none of this id; so a deletion of which the outcome is unknown can be
    /// repeated.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] or [`BlobError::Internal`] when the store fails.
    async fn delete(&self, id: BlobId) -> Result<(), BlobError>;

    /// Returns a URL at which anybody can read the blob for a while, if the store serves blobs by itself; `None`
    /// otherwise. Whether there is such a blob is not checked.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] if the store's credentials can't be had, [`BlobError::Internal`] if they are no good.
    async fn signed_url(
        &self,
        id: BlobId,
        expires_in: Duration,
        presentation: &Presentation,
    ) -> Result<Option<String>, BlobError>;

    /// Removes what interrupted writes and deletions have left, of this server or another: called at start, and now and
    /// then. Writes that are under way are left alone.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] or [`BlobError::Internal`] when the store fails.
    async fn recover(&self) -> Result<(), BlobError>;

    /// Checks that the store can serve requests.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] or [`BlobError::Internal`] when it can't.
    async fn ping(&self) -> Result<(), BlobError>;
}

/// A blob that is being read.
pub struct BlobRead {
    /// Size in bytes of the whole blob, also if a range of it is read.
    pub size: u64,
    /// Bytes of the blob, or of the range.
    pub bytes: ByteStream,
}

impl fmt::Debug for BlobRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobRead")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Headers with which a blob is served at a [signed URL](BlobStore::signed_url).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presentation {
    /// Value of `Content-Type`.
    pub content_type: String,
    /// Value of `Content-Disposition`.
    pub content_disposition: String,
}

/// Reason why a blob was not stored, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The id is taken.
    #[error("a blob of this id exists")]
    Exists,
    /// No blob of the id is there.
    #[error("no such blob")]
    NotFound,
    /// The range is not within the blob.
    #[error("the range is not within the blob, which has {size} bytes")]
    OutOfRange {
        /// Size in bytes of the whole blob.
        size: u64,
    },
    /// The stream of bytes to be stored ended in this error.
    #[error("the bytes to be stored ended in an error")]
    Interrupted(#[source] BoxError),
    /// The store can't be reached or is too busy. The step may or may not have been carried out.
    #[error("the store of blobs is unavailable")]
    Unavailable(#[source] BoxError),
    /// The store failed in a way that a retry does not fix: a full disk, a damaged blob, a missing privilege, a bug.
    #[error("the store of blobs failed")]
    Internal(#[source] BoxError),
}

impl BlobError {
    /// Wraps a temporary cause.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// Wraps a cause that a retry does not fix.
    pub fn internal(cause: impl Into<BoxError>) -> Self {
        Self::Internal(cause.into())
    }
}

impl From<RepositoryError> for BlobError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Unavailable(cause) => Self::Unavailable(cause),
            RepositoryError::Internal(cause) => Self::Internal(cause),
        }
    }
}

//! Resumable upload that is not finished.

use crate::domain::id::{BlobId, MediaId, UserId};
use crate::domain::timestamp::Timestamp;

/// Resumable upload that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Id of the file that the upload becomes.
    pub id: MediaId,
    /// User who uploads.
    pub owner_id: UserId,
    /// File name, set by the uploader.
    pub file_name: String,
    /// Media type that the uploader claims; `None` if they don't say.
    pub content_type: Option<String>,
    /// Size of the whole in bytes; `None` until the uploader says.
    pub length: Option<u64>,
    /// Number of bytes that have arrived: the sum of the sizes of the parts, unless they were [taken
    /// away](Self::retire).
    pub offset: u64,
    /// Parts that have arrived, in order.
    pub parts: Vec<UploadPart>,
    /// Ids under which bytes may have been written that are no part yet. Noted before the first byte, so that none are
    /// left behind by a crash.
    pub reserved: Vec<BlobId>,
    /// Time at which the upload began, set by the server's clock.
    pub created_at: Timestamp,
    /// Time after which the upload is given up.
    pub expires_at: Timestamp,
}

/// Part of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPart {
    /// Bytes of the part.
    pub blob: BlobId,
    /// Size in bytes.
    pub size: u64,
}

impl Upload {
    /// Appends a part that has arrived, whose bytes are then no longer reserved ones.
    pub fn append(&mut self, part: UploadPart) {
        self.reserved.retain(|blob| *blob != part.blob);
        self.parts.push(part);
        self.offset = self.offset.saturating_add(part.size);
    }

    /// Notes an id under which bytes are about to be written. Noting it again changes nothing.
    pub fn reserve(&mut self, blob: BlobId) {
        if !self.reserved.contains(&blob) {
            self.reserved.push(blob);
        }
    }

    /// Takes the parts away, since they have become a file or are given up: their bytes are to be deleted, and their ids
    /// are reserved ones until then. The offset stays, so that a client can still be told.
    pub fn retire(&mut self) {
        self.reserved.extend(self.parts.drain(..).map(|part| part.blob));
    }

    /// Reports whether all bytes have arrived.
    pub fn is_complete(&self) -> bool {
        self.length == Some(self.offset)
    }

    /// Reports whether nothing more can be made of the upload: its parts were taken away, or it is of an empty file,
    /// which is made as it begins.
    pub fn is_over(&self) -> bool {
        let size: u64 = self.parts.iter().map(|part| part.size).sum();
        size != self.offset || (self.is_complete() && self.parts.is_empty())
    }

    /// Returns all ids under which the upload has bytes or may have some.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        let parts = self.parts.iter().map(|part| part.blob);
        parts.chain(self.reserved.iter().copied())
    }
}

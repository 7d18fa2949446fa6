//! The store of uploaded files' records, of references to them, and of unfinished uploads.

use async_trait::async_trait;

use crate::domain::id::{BlobId, ConversationId, MediaId, UserId};
use crate::domain::media::{Holder, Media, MediaFacts, MediaRef, MediaState, Upload, UploadPart, Usage};
use crate::domain::timestamp::Timestamp;
use crate::ports::error::RepositoryError;

/// Stores the records of uploaded files, the references to them, and unfinished uploads. The bytes are in a blob store.
///
/// A file is removed only if nothing refers to it, although the two are separate records. Whoever refers to a file calls
/// [`refer`](Self::refer) and then reads the file: if it is [`Live`](MediaState::Live), it stays as long as the
/// reference does. Whoever removes one moves it to [`Deleting`](MediaState::Deleting), then reads the references, and
/// moves it on to [`Removed`](MediaState::Removed) if there are none, or back. So every read of this trait shows all
/// steps that were acknowledged before it began, through every instance.
///
/// The records are independent: a reference may name a file that does not exist, and the store does not check that users
/// and conversations do. Each list of ids may name one several times.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait MediaRepository: Send + Sync {
    /// Adds a record, unless its id is taken by another in whatever state. Of several concurrent calls with the same id,
    /// one adds its record, and the others return that one.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn insert(&self, media: &Media) -> Result<MediaInserted, RepositoryError>;

    /// Returns those of the files that are not removed, each once, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find(&self, ids: &[MediaId]) -> Result<Vec<Media>, RepositoryError>;

    /// Returns the oldest live file of this owner with these bytes.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn sibling(&self, owner_id: UserId, sha256: &[u8; 32]) -> Result<Option<Media>, RepositoryError>;

    /// Returns the number and the size of a user's files that are not removed.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn usage(&self, owner_id: UserId) -> Result<Usage, RepositoryError>;

    /// Returns at most `limit` of a user's files that are not removed, by id, only those after `after`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn of_owner(
        &self,
        owner_id: UserId,
        after: Option<MediaId>,
        limit: usize,
    ) -> Result<Vec<Media>, RepositoryError>;

    /// Returns at most `limit` of all files that are not removed, by id, only those after `after`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn all(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Media>, RepositoryError>;

    /// Gives a file that is processing its facts, with which it is ready, and returns it. Returns `None`, and changes
    /// nothing, if it is ready already, removed or unknown. Of several concurrent calls, at most one returns the file.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn process(&self, id: MediaId, facts: &MediaFacts) -> Result<Option<Media>, RepositoryError>;

    /// Returns at most `limit` of the files that are processing and not removed, by id, only those after `after`. The
    /// cost does not depend on the number of other files.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn unprocessed(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Media>, RepositoryError>;

    /// Notes when a file was scanned, whatever its state: its time rises to `at`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn scanned(&self, id: MediaId, at: Timestamp) -> Result<(), RepositoryError>;

    /// Adds references. The time of one that exists rises to the given one.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. Some of the references may have been added.
    async fn refer(&self, refs: &[MediaRef]) -> Result<(), RepositoryError>;

    /// Returns all references to the files, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn refs(&self, ids: &[MediaId]) -> Result<Vec<MediaRef>, RepositoryError>;

    /// Returns at most `limit` of the references by messages of a conversation and by the group itself, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn refs_in(&self, conversation_id: ConversationId, limit: usize) -> Result<Vec<MediaRef>, RepositoryError>;

    /// Removes references, after lowering the time of the next check of the files as [`schedule`](Self::schedule) does.
    /// Repeating the call is safe, and finishes one that was interrupted.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. Some of the references may have been removed.
    async fn release(&self, refs: &[(MediaId, Holder)], check_at: Timestamp) -> Result<(), RepositoryError>;

    /// Removes references like [`release`](Self::release), but only those whose time has not risen above the given one
    /// since it was read. For those whose holder does not show the file: another attempt may be about to succeed.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. Some of the references may have been removed.
    async fn expire(&self, refs: &[MediaRef], check_at: Timestamp) -> Result<(), RepositoryError>;

    /// Lowers the time of the next check of files: to `at`, where it is later or there is none, whatever their state.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. Some of the times may have been lowered.
    async fn schedule(&self, ids: &[MediaId], at: Timestamp) -> Result<(), RepositoryError>;

    /// Returns at most `limit` of the files to be checked by `now`, in whatever state, those first that have waited
    /// longest, and by id where that is the same. The cost does not depend on the number of other files.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Media>, RepositoryError>;

    /// Moves a file from one state to another, and sets the time of its next check, also to none. Returns false, and
    /// changes nothing, if it is unknown or in any other state. Of several concurrent calls, at most one moves the file.
    ///
    /// Sets the time even if a [`release`](Self::release) has just lowered it. So whoever moves a file back, because
    /// something refers to it, sets a later time rather than none: the reference may be gone by now.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn set_state(
        &self,
        id: MediaId,
        from: MediaState,
        to: MediaState,
        check_at: Option<Timestamp>,
    ) -> Result<bool, RepositoryError>;

    /// Reports whether these bytes are those of a file that is not removed, or of its preview.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn holds_blob(&self, blob: BlobId) -> Result<bool, RepositoryError>;

    /// Forgets a file that is removed, with the references to it; a file in any other state stays. Repeating the call is
    /// safe, and finishes one that was interrupted.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn remove(&self, id: MediaId) -> Result<(), RepositoryError>;

    /// Adds an unfinished upload, unless its id is taken by another upload. Of several concurrent calls with the same
    /// id, one adds its upload, and the others return that one as it is by then.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn start_upload(&self, upload: &Upload) -> Result<UploadStarted, RepositoryError>;

    /// Returns an unfinished upload.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn upload(&self, id: MediaId) -> Result<Option<Upload>, RepositoryError>;

    /// Adds an id to those that an upload has reserved, unless it is there, and returns the upload; `None` if there is
    /// no such upload.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn reserve_part(&self, id: MediaId, blob: BlobId) -> Result<Option<Upload>, RepositoryError>;

    /// Appends a part to an upload in one step: its id is no longer reserved, its size is added to the offset, and the
    /// upload's end moves to `expires_at`. Returns the upload. Returns `None`, and changes nothing, if there is no such
    /// upload or its offset is not `offset`. Of several concurrent calls with the same offset and a part that is not
    /// empty, at most one appends.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn add_part(
        &self,
        id: MediaId,
        offset: u64,
        part: UploadPart,
        expires_at: Timestamp,
    ) -> Result<Option<Upload>, RepositoryError>;

    /// Removes ids from those that an upload has reserved, since there are no bytes under them any more. Does nothing
    /// about ids that are not reserved, or if there is no such upload.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn release_parts(&self, id: MediaId, blobs: &[BlobId]) -> Result<(), RepositoryError>;

    /// Takes an upload's parts away in one step: their ids are reserved ones from then on, after those that are, and the
    /// upload's end moves to `expires_at`. The offset stays. Returns the upload; `None` if there is no such upload.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn retire_upload(&self, id: MediaId, expires_at: Timestamp) -> Result<Option<Upload>, RepositoryError>;

    /// Returns the number of a user's uploads of which bytes are missing, and the bytes that have arrived for them.
    /// Uploads without a length don't count.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn unfinished(&self, owner_id: UserId) -> Result<Usage, RepositoryError>;

    /// Removes an upload and returns it with all its parts and reserved ids. Of several concurrent calls, exactly one
    /// returns it.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn end_upload(&self, id: MediaId) -> Result<Option<Upload>, RepositoryError>;

    /// Returns at most `limit` uploads whose end has come by `now`, those that ended longest ago first, and by id where
    /// that is the same.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn expired_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<Upload>, RepositoryError>;
}

/// Result of adding a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaInserted {
    /// Added.
    Inserted,
    /// Not added: this one has the id.
    Exists(Box<Media>),
}

/// Result of beginning an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadStarted {
    /// Begun.
    Started,
    /// Not begun: this one has the id.
    Exists(Box<Upload>),
}

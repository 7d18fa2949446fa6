//! Uploading files, at once or in parts.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use crate::domain::id::MediaId;
use crate::domain::media::{ContentType, FileName, Waveform};
use crate::domain::principal::Principal;
use crate::domain::timestamp::Timestamp;
use crate::engine::detached::run_detached;
use crate::engine::media;
use crate::engine::media::{Arrived, Deposited, Description, MediaError, Progress, UploadStanding};
use crate::ports::ByteStream;
use crate::protocol;
use crate::services::made::Made;
use crate::services::media::MediaService;

/// A file to be uploaded.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Name as the uploader gives it.
    pub name: FileName,
    /// Media type that the uploader claims. The content decides; this only tells sound from video in some containers.
    pub content_type: Option<ContentType>,
}

/// A file whose bytes have arrived and were found good, but that is no file yet. Dropping it deletes the bytes.
pub struct FileDraft(Arrived);

/// Details that an uploader can add to a file.
#[derive(Clone, Debug, Default)]
pub struct FileDetails {
    /// Id chosen by the client, a UUID of version 4 or 7, which makes the upload safe to repeat.
    pub id: Option<MediaId>,
    /// Picture for a file that the application can't draw, such as a video. It is drawn anew, in a smaller size.
    pub preview: Option<Bytes>,
    /// Loudness of a sound that the application can't decode.
    pub waveform: Option<Waveform>,
}

/// A resumable upload to begin.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// Id of the file that the upload becomes, chosen by the client.
    pub id: Option<MediaId>,
    /// The file.
    pub file: NewFile,
    /// Size of the whole in bytes.
    pub length: u64,
}

/// State of a resumable upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadState {
    /// Id of the upload, and of the file that it becomes.
    pub id: MediaId,
    /// Number of bytes that have arrived.
    pub offset: u64,
    /// Size of the whole in bytes.
    pub length: u64,
    /// Time at which the upload is given up, if no more of it arrives.
    pub expires_at: Timestamp,
    /// File that the upload has become; `None` while bytes are missing.
    pub media_id: Option<MediaId>,
}

/// Result of a part of a resumable upload.
#[derive(Clone, Debug)]
pub enum AppendedPart {
    /// More is to come.
    Continues(UploadState),
    /// The file is complete.
    Complete {
        /// The file.
        media: Box<protocol::Media>,
        /// Number of bytes that were uploaded.
        length: u64,
    },
}

impl NewFile {
    /// Describes a file by its name alone.
    pub fn named(name: &str) -> Self {
        Self {
            name: FileName::new(name),
            content_type: None,
        }
    }
}

impl MediaService {
    /// Receives the bytes of a file in chunks, as they arrive. Nobody can see the file before it is
    /// [finished](Self::finish).
    ///
    /// # Errors
    /// - [`MediaError::TooLarge`] when the file is too large, or the caller has no room for it;
    /// - [`MediaError::WrongType`], [`MediaError::BadPicture`], [`MediaError::Infected`] when its content is refused;
    /// - [`MediaError::Broken`] when the stream ends in an error;
    /// - [`MediaError::Store`] when a store or the scanner fails. Nothing is kept in any of these cases.
    pub async fn receive(
        &self,
        principal: &Principal,
        file: NewFile,
        bytes: ByteStream,
    ) -> Result<FileDraft, MediaError> {
        let file = media::NewFile {
            owner_id: principal.user_id,
            name: file.name,
            declared: file.content_type,
        };
        self.files()?.receive(file, bytes).await.map(FileDraft)
    }

    /// Receives a file whose bytes are in memory.
    ///
    /// # Errors
    /// As for [`receive`](Self::receive).
    pub async fn receive_bytes(
        &self,
        principal: &Principal,
        file: NewFile,
        bytes: impl Into<Bytes> + Send,
    ) -> Result<FileDraft, MediaError> {
        let bytes = bytes.into();
        let chunks = stream::once(std::future::ready(Ok(bytes))).boxed();
        self.receive(principal, file, chunks).await
    }

    /// Makes a file of received bytes. Repeating an upload with the same id returns the file of the first time.
    ///
    /// # Errors
    /// - [`MediaError::Conflict`] when the id belongs to another file;
    /// - [`MediaError::TooLarge`] when the caller has no room for it by now;
    /// - [`MediaError::Invalid`] when the preview is not a picture;
    /// - [`MediaError::Store`] when the store fails.
    pub async fn finish(&self, draft: FileDraft, details: FileDetails) -> Result<(protocol::Media, Made), MediaError> {
        let files = Arc::clone(self.files()?);
        let finish = async move {
            let FileDetails { id, preview, waveform } = details;
            let preview = match preview {
                Some(picture) => Some(files.processing.render_preview(picture).await?),
                None => None,
            };
            let description = Description { id, waveform, preview };
            files.deposit(draft.0, description).await
        };
        Ok(match run_detached(finish).await? {
            Deposited::Now(media) => (protocol::Media::from(&media), Made::Now),
            Deposited::Before(media) => (protocol::Media::from(&media), Made::Before),
        })
    }

    /// Begins a resumable upload. Repeating the request with the same id returns the upload of the first time, also when
    /// it has become a file within the last day. An empty file is made at once.
    ///
    /// # Errors
    /// [`MediaError::TooLarge`], [`MediaError::Conflict`], [`MediaError::Store`].
    pub async fn start_upload(&self, principal: &Principal, new: NewUpload) -> Result<(UploadState, Made), MediaError> {
        let new = media::NewUpload {
            id: new.id,
            owner_id: principal.user_id,
            name: new.file.name,
            declared: new.file.content_type,
            length: new.length,
        };
        let files = Arc::clone(self.files()?);
        let (upload, is_new) = run_detached(async move { files.start_upload(new).await }).await?;
        let made = if is_new { Made::Now } else { Made::Before };
        Ok((UploadState::from(upload), made))
    }

    /// Returns the state of an upload of the caller. If all bytes have arrived, the file is made if it is not yet. For a
    /// day, an upload that has become a file tells which one.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] when the caller has no such upload, [`MediaError::Ended`] when it is over.
    pub async fn upload(&self, principal: &Principal, id: MediaId) -> Result<UploadState, MediaError> {
        let (files, owner_id) = (Arc::clone(self.files()?), principal.user_id);
        let upload = run_detached(async move { files.resumed(owner_id, id).await }).await?;
        Ok(UploadState::from(upload))
    }

    /// Takes the next part of an upload. If the stream breaks off, what has arrived counts, unless there is a checksum.
    ///
    /// # Errors
    /// - [`MediaError::NotFound`], [`MediaError::WrongOffset`], [`MediaError::Checksum`], [`MediaError::Broken`];
    /// - with the last part, those of [`receive`](Self::receive) and [`finish`](Self::finish); the upload has ended then.
    pub async fn append(
        &self,
        principal: &Principal,
        id: MediaId,
        offset: u64,
        checksum: Option<[u8; 32]>,
        bytes: ByteStream,
    ) -> Result<AppendedPart, MediaError> {
        let (files, owner_id) = (Arc::clone(self.files()?), principal.user_id);
        // A client that hangs up must not take what has arrived with it.
        let append = async move { files.append(owner_id, id, offset, checksum, bytes).await };
        Ok(match run_detached(append).await? {
            Progress::Continues(upload) => AppendedPart::Continues(UploadStanding { upload, file: None }.into()),
            Progress::Complete(deposited, length) => AppendedPart::Complete {
                media: Box::new(protocol::Media::from(&deposited.into_media())),
                length,
            },
        })
    }

    /// Ends an upload of the caller, and deletes what has arrived of it.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] when the caller has no such upload.
    pub async fn end_upload(&self, principal: &Principal, id: MediaId) -> Result<(), MediaError> {
        let (files, owner_id) = (Arc::clone(self.files()?), principal.user_id);
        run_detached(async move { files.end_upload(owner_id, id).await }).await
    }
}

impl From<UploadStanding> for UploadState {
    fn from(standing: UploadStanding) -> Self {
        let UploadStanding { upload, file } = standing;
        Self {
            id: upload.id,
            offset: upload.offset,
            length: upload.length.unwrap_or_default(),
            expires_at: upload.expires_at,
            media_id: file.map(|media| media.id),
        }
    }
}

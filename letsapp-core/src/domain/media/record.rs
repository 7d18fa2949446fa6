//! Record of an uploaded file. Its bytes are elsewhere, under the ids that the record names.

use crate::domain::id::{BlobId, MediaId, UserId};
use crate::domain::media::{Thumbnail, Waveform};
use crate::domain::timestamp::Timestamp;

/// Record of an uploaded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Id, chosen by the uploader's client or the server.
    pub id: MediaId,
    /// User who uploaded the file.
    pub owner_id: UserId,
    /// Whether the file is there, or on its way out.
    pub state: MediaState,
    /// Whether the facts are known.
    pub status: MediaStatus,
    /// File name, set by the uploader.
    pub file_name: String,
    /// Media type, such as `image/jpeg`, read from the content.
    pub content_type: String,
    /// Size in bytes of what is served.
    pub size: u64,
    /// SHA-256 of what is served.
    pub sha256: [u8; 32],
    /// SHA-256 of the bytes as they were uploaded, which tells a retry from another upload with the same id.
    pub request: [u8; 32],
    /// Bytes that are served. Several files of the same owner may share them.
    pub blob: BlobId,
    /// Facts for display, read from the content; none of them before the file is [`Ready`](MediaStatus::Ready).
    pub facts: MediaFacts,
    /// Time of the last scan for malware that found nothing, set by the server's clock; `None` if it was not scanned.
    pub scanned_at: Option<Timestamp>,
    /// Time of the upload, set by the server's clock.
    pub created_at: Timestamp,
    /// Time from which to look whether anything refers to the file; `None` if there is no reason to.
    pub check_at: Option<Timestamp>,
}

/// Whether a file is there. A remover moves it from the first state to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaState {
    /// Present: a reference made now keeps it.
    Live,
    /// About to be removed, unless something refers to it. A reference made now may come too late.
    Deleting,
    /// Removed for good. The record stays until the bytes are gone.
    Removed,
}

/// Progress of the work on a file after its upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaStatus {
    /// The facts are not known yet.
    Processing,
    /// The facts are known, as far as the content gives any.
    Ready,
}

/// Facts for display, read from the content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaFacts {
    /// Width in pixels, as shown; `None` unless an image or a video.
    pub width: Option<u32>,
    /// Height in pixels, as shown; `None` unless an image or a video.
    pub height: Option<u32>,
    /// Duration in milliseconds; `None` unless audio or video.
    pub duration: Option<u64>,
    /// Whether a picture has several frames.
    pub animated: bool,
    /// Loudness over time; `None` unless audio.
    pub waveform: Option<Waveform>,
    /// Preview of an image or a video.
    pub thumbnail: Option<StoredThumbnail>,
}

/// Preview of a file, with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredThumbnail {
    /// Dimensions and placeholder, which clients are told.
    pub thumbnail: Thumbnail,
    /// Bytes of the preview.
    pub blob: BlobId,
    /// Media type of the preview.
    pub content_type: String,
    /// Size of the preview in bytes.
    pub size: u64,
}

/// Number and size of the files that a user has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of files.
    pub count: u64,
    /// Sum of the sizes in bytes. Files that share bytes count each; previews don't count.
    pub bytes: u64,
}

impl Media {
    /// Reports whether these bytes are the file's, or its preview's.
    pub fn has_blob(&self, blob: BlobId) -> bool {
        let thumbnail = self.facts.thumbnail.as_ref();
        self.blob == blob || thumbnail.is_some_and(|thumbnail| thumbnail.blob == blob)
    }
}

impl MediaState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Live, Self::Deleting, Self::Removed];

    /// Returns the word for the state in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Deleting => "deleting",
            Self::Removed => "removed",
        }
    }

    /// Parses a word returned by [`as_str`](Self::as_str); `None` for any other.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl MediaStatus {
    /// Returns the word for the status in JSON and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Ready => "ready",
        }
    }

    /// Parses a word returned by [`as_str`](Self::as_str); `None` for any other.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Processing, Self::Ready]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

//! Files attached to messages: their metadata as a message shows it, and the records of what was uploaded.

mod record;
mod reference;
mod upload;
mod waveform;

pub use record::{Media, MediaFacts, MediaState, MediaStatus, StoredThumbnail, Usage};
pub use reference::{Holder, MediaRef};
pub use upload::{Upload, UploadPart};
pub use waveform::Waveform;

use crate::domain::id::MediaId;

/// A file attached to a message, with the metadata that a client needs for layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Id of the uploaded file.
    pub id: MediaId,
    /// File name, set by the sender.
    pub file_name: String,
    /// Media type, such as `image/jpeg`.
    pub content_type: String,
    /// Size in bytes.
    pub size: u64,
    /// Width in pixels; `None` unless an image or a video.
    pub width: Option<u32>,
    /// Height in pixels; `None` unless an image or a video.
    pub height: Option<u32>,
    /// Duration in milliseconds; `None` unless audio or video.
    pub duration: Option<u64>,
    /// Preview of an image or a video.
    pub thumbnail: Option<Thumbnail>,
}

/// Preview picture of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// [Blurhash](https://blurha.sh) of the preview, a blurred placeholder to show while it loads.
    pub blurhash: String,
}

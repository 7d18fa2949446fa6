//! Files attached to messages: their metadata as a message shows it, and the records of what was uploaded.

mod record;
mod reference;
mod upload;
mod variant;
mod waveform;

pub use record::{Media, MediaFacts, MediaState, MediaStatus, StoredThumbnail, Usage};
pub use reference::{Holder, MediaRef};
pub use upload::{Upload, UploadPart};
pub use variant::Variant;
pub use waveform::Waveform;

mod allow_list;
mod content_type;
mod detection;
mod extensions;
mod file_name;
mod picture;
mod refusal;
mod type_check;

use crate::domain::id::MediaId;
pub use crate::domain::media::allow_list::{AllowList, AllowListError};
pub use crate::domain::media::content_type::{ContentType, ContentTypeError, Family};
pub use crate::domain::media::detection::{DETECTION_BYTES, detect};
pub use crate::domain::media::extensions::claimed_type;
pub use crate::domain::media::file_name::{Disposition, FileName};
pub use crate::domain::media::picture::{Facts, MAX_FRAMES, MAX_PIXELS, MAX_SIDE, Orientation, PictureFilter};
pub use crate::domain::media::refusal::Refusal;
pub use crate::domain::media::type_check::check_type;

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
    /// Loudness over time; `None` unless audio.
    pub waveform: Option<Waveform>,
    /// Preview of an image or a video.
    pub thumbnail: Option<Thumbnail>,
    /// Whether the file was still being processed when it was attached: the file itself may tell more by now.
    pub is_processing: bool,
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

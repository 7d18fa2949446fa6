//! Attached files on the wire.

use serde::{Deserialize, Serialize};

use crate::domain::id::MediaId;
use crate::domain::media;

/// A file attached to a message, with the metadata that a client needs for layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attachment {
    /// Id of the uploaded file.
    pub id: MediaId,
    /// File name, set by the sender.
    pub file_name: String,
    /// Media type, such as `image/jpeg`.
    pub content_type: String,
    /// Size in bytes.
    pub size: u64,
    /// Width in pixels; omitted unless an image or a video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels; omitted unless an image or a video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Duration in milliseconds; omitted unless audio or video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// Preview of an image or a video; omitted if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Thumbnail>,
}

/// Preview picture of an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Thumbnail {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Blurhash of the preview, a blurred placeholder to show while it loads.
    pub blurhash: String,
}

impl From<media::Attachment> for Attachment {
    fn from(attachment: media::Attachment) -> Self {
        let media::Attachment {
            id,
            file_name,
            content_type,
            size,
            width,
            height,
            duration,
            thumbnail,
        } = attachment;
        Self {
            id,
            file_name,
            content_type,
            size,
            width,
            height,
            duration,
            thumbnail: thumbnail.map(Thumbnail::from),
        }
    }
}

impl From<media::Thumbnail> for Thumbnail {
    fn from(thumbnail: media::Thumbnail) -> Self {
        let media::Thumbnail {
            width,
            height,
            blurhash,
        } = thumbnail;
        Self {
            width,
            height,
            blurhash,
        }
    }
}

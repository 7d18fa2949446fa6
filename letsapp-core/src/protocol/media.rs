//! Attached files on the wire.

use serde::{Deserialize, Serialize};

use crate::domain::id::MediaId;
use crate::domain::media;

/// A file that a message carries, with what a client needs to lay it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attachment {
    /// Which file.
    pub id: MediaId,
    /// What it is called.
    pub file_name: String,
    /// What it is.
    pub content_type: String,
    /// Its size in bytes.
    pub size: u64,
    /// Width in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Duration in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// A small picture of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Thumbnail>,
}

/// A small picture of a larger one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Thumbnail {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What to show until it is there.
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

//! Files on the wire.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::id::{MediaId, UserId};
use crate::domain::media;
use crate::domain::media::MediaStatus;
use crate::domain::timestamp::Timestamp;

/// An uploaded file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Media {
    /// Id of the file.
    pub id: MediaId,
    /// User who uploaded the file.
    pub owner_id: UserId,
    /// File name, set by the uploader.
    pub file_name: String,
    /// Media type, such as `image/jpeg`, read from the content.
    pub content_type: String,
    /// Size in bytes of what is served.
    pub size: u64,
    /// SHA-256 of what is served, in hexadecimal.
    pub sha256: String,
    /// Width in pixels; omitted unless a picture or a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels; omitted unless a picture or a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Duration in seconds; omitted unless audio or video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Seconds>,
    /// Whether all of the above is known already.
    pub status: Status,
    /// Whether a picture has several frames; omitted if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>))]
    pub animated: bool,
    /// Loudness over time, 64 values of 0–100; omitted unless audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waveform: Option<Vec<u8>>,
    /// Preview; omitted if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Thumbnail>,
    /// Time of the last scan for malware that found nothing; omitted if the file was not scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_at: Option<Timestamp>,
    /// Time of the upload.
    pub created_at: Timestamp,
}

/// Progress of the work on a file after its upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The preview and other facts are not known yet.
    Processing,
    /// The facts are known.
    Ready,
}

/// A duration in milliseconds, on the wire a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = f64, minimum = 0))]
pub struct Seconds(pub u64);

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
    /// Width in pixels; omitted unless a picture or a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels; omitted unless a picture or a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Duration in seconds; omitted unless audio or video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Seconds>,
    /// Loudness over time, 64 values of 0–100; omitted unless audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waveform: Option<Vec<u8>>,
    /// Preview of a picture or a video; omitted if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Thumbnail>,
}

/// Preview picture of a file.
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

/// Link to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MediaUrl {
    /// Address at which anybody who has it can read the file; relative unless another server has the bytes.
    pub url: String,
    /// Time at which the link expires.
    pub expires_at: Timestamp,
}

impl From<&media::Media> for Media {
    fn from(media: &media::Media) -> Self {
        let facts = &media.facts;
        Self {
            id: media.id,
            owner_id: media.owner_id,
            file_name: media.file_name.clone(),
            content_type: media.content_type.clone(),
            size: media.size,
            sha256: media.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            width: facts.width,
            height: facts.height,
            duration: facts.duration.map(Seconds),
            status: match media.status {
                MediaStatus::Processing => Status::Processing,
                MediaStatus::Ready => Status::Ready,
            },
            animated: facts.animated,
            waveform: facts.waveform.map(|waveform| waveform.points().to_vec()),
            thumbnail: facts.thumbnail.as_ref().map(|stored| stored.thumbnail.clone().into()),
            scanned_at: media.scanned_at,
            created_at: media.created_at,
        }
    }
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
            waveform,
            thumbnail,
            is_processing: _,
        } = attachment;
        Self {
            id,
            file_name,
            content_type,
            size,
            width,
            height,
            duration: duration.map(Seconds),
            waveform: waveform.map(|waveform| waveform.points().to_vec()),
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

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Durations are far below the largest number that stays exact.
        serializer.serialize_f64(self.0 as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        // Out of range, a conversion ends at the nearest number.
        Ok(Self((seconds * 1000.0).round() as u64))
    }
}

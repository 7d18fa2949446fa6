//! Document of `media`.

use mongodb::bson::error::Result as BsonResult;
use mongodb::bson::{Binary, DateTime, Document, Uuid, serialize_to_document};
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{DocumentVersion, Id, VERSION, array, binary, count, date, long, moment, word};
use crate::domain::id::{BlobId, MediaId, UserId};
use crate::domain::media::{Media, MediaFacts, MediaState, MediaStatus, StoredThumbnail, Thumbnail, Waveform};
use crate::ports::RepositoryError;

/// A document of `media`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MediaDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    v: DocumentVersion,
    owner_id: Uuid,
    /// Word of the [`MediaState`].
    state: String,
    /// Word of the [`MediaStatus`].
    status: String,
    file_name: String,
    content_type: String,
    size: i64,
    /// Hash of what is served.
    sha256: Binary,
    /// Hash of the bytes as they were uploaded.
    request: Binary,
    blob: Uuid,
    facts: FactsDocument,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scanned_at: Option<DateTime>,
    created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check_at: Option<DateTime>,
}

/// Facts of a file, embedded in its document.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FactsDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<i64>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    animated: bool,
    /// 64 bytes from 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waveform: Option<Binary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbnail: Option<ThumbnailDocument>,
}

/// Preview of a file, embedded in its facts.
#[derive(Debug, Serialize, Deserialize)]
struct ThumbnailDocument {
    width: i64,
    height: i64,
    blurhash: String,
    blob: Uuid,
    content_type: String,
    size: i64,
}

impl MediaDocument {
    pub(super) fn new(media: &Media) -> Self {
        Self {
            id: media.id.to_bson(),
            v: VERSION,
            owner_id: media.owner_id.to_bson(),
            state: media.state.as_str().to_owned(),
            status: media.status.as_str().to_owned(),
            file_name: media.file_name.clone(),
            content_type: media.content_type.clone(),
            size: long(media.size),
            sha256: binary(&media.sha256),
            request: binary(&media.request),
            blob: media.blob.to_bson(),
            facts: FactsDocument::new(&media.facts),
            scanned_at: media.scanned_at.map(date),
            created_at: date(media.created_at),
            check_at: media.check_at.map(date),
        }
    }

    /// Reads the record.
    ///
    /// # Errors
    /// [`RepositoryError`] if a word is unknown, or a number or a hash is out of bounds.
    pub(super) fn into_media(self) -> Result<Media, RepositoryError> {
        Ok(Media {
            id: MediaId::from_bson(self.id),
            owner_id: UserId::from_bson(self.owner_id),
            state: word(&self.state, MediaState::from_word)?,
            status: word(&self.status, MediaStatus::from_word)?,
            file_name: self.file_name,
            content_type: self.content_type,
            size: count(self.size),
            sha256: array(self.sha256)?,
            request: array(self.request)?,
            blob: BlobId::from_bson(self.blob),
            facts: self.facts.into_facts()?,
            scanned_at: self.scanned_at.map(moment),
            created_at: moment(self.created_at),
            check_at: self.check_at.map(moment),
        })
    }
}

impl FactsDocument {
    fn new(facts: &MediaFacts) -> Self {
        Self {
            width: facts.width.map(i64::from),
            height: facts.height.map(i64::from),
            duration: facts.duration.map(long),
            animated: facts.animated,
            waveform: facts.waveform.map(|waveform| binary(waveform.points())),
            thumbnail: facts.thumbnail.as_ref().map(|stored| ThumbnailDocument {
                width: i64::from(stored.thumbnail.width),
                height: i64::from(stored.thumbnail.height),
                blurhash: stored.thumbnail.blurhash.clone(),
                blob: stored.blob.to_bson(),
                content_type: stored.content_type.clone(),
                size: long(stored.size),
            }),
        }
    }

    /// Returns the facts as BSON.
    ///
    /// # Errors
    /// The error of the conversion, which the field types rule out.
    pub(super) fn of(facts: &MediaFacts) -> BsonResult<Document> {
        serialize_to_document(&Self::new(facts))
    }

    fn into_facts(self) -> Result<MediaFacts, RepositoryError> {
        Ok(MediaFacts {
            width: self.width.map(pixels).transpose()?,
            height: self.height.map(pixels).transpose()?,
            duration: self.duration.map(count),
            animated: self.animated,
            waveform: self.waveform.map(array).transpose()?.map(Waveform::from_stored),
            thumbnail: self.thumbnail.map(ThumbnailDocument::into_thumbnail).transpose()?,
        })
    }
}

impl ThumbnailDocument {
    fn into_thumbnail(self) -> Result<StoredThumbnail, RepositoryError> {
        Ok(StoredThumbnail {
            thumbnail: Thumbnail {
                width: pixels(self.width)?,
                height: pixels(self.height)?,
                blurhash: self.blurhash,
            },
            blob: BlobId::from_bson(self.blob),
            content_type: self.content_type,
            size: count(self.size),
        })
    }
}

fn pixels(long: i64) -> Result<u32, RepositoryError> {
    u32::try_from(long).map_err(RepositoryError::internal)
}

//! Document of `uploads`.

use mongodb::bson::{Bson, DateTime, Uuid, doc};
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{DocumentVersion, Id, VERSION, count, date, ids, long, moment, uuids};
use crate::domain::id::{BlobId, MediaId, UserId};
use crate::domain::media::{Upload, UploadPart};

/// A document of `uploads`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UploadDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    v: DocumentVersion,
    owner_id: Uuid,
    file_name: String,
    /// Media type that the uploader claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// Size of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length: Option<i64>,
    /// Sum of the sizes of the parts. A part is added only at the offset at which its sender saw the upload.
    offset: i64,
    parts: Vec<PartDocument>,
    /// Ids of bytes that may have been written and are no part yet.
    reserved: Vec<Uuid>,
    created_at: DateTime,
    expires_at: DateTime,
}

/// Part of an upload, embedded in it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartDocument {
    blob: Uuid,
    size: i64,
}

impl UploadDocument {
    pub(super) fn new(upload: &Upload) -> Self {
        Self {
            id: upload.id.to_bson(),
            v: VERSION,
            owner_id: upload.owner_id.to_bson(),
            file_name: upload.file_name.clone(),
            content_type: upload.content_type.clone(),
            length: upload.length.map(long),
            offset: long(upload.offset),
            parts: upload.parts.iter().map(PartDocument::new).collect(),
            reserved: uuids(&upload.reserved),
            created_at: date(upload.created_at),
            expires_at: date(upload.expires_at),
        }
    }

    pub(super) fn into_upload(self) -> Upload {
        Upload {
            id: MediaId::from_bson(self.id),
            owner_id: UserId::from_bson(self.owner_id),
            file_name: self.file_name,
            content_type: self.content_type,
            length: self.length.map(count),
            offset: count(self.offset),
            parts: self.parts.into_iter().map(PartDocument::into_part).collect(),
            reserved: ids(self.reserved),
            created_at: moment(self.created_at),
            expires_at: moment(self.expires_at),
        }
    }
}

impl PartDocument {
    pub(super) fn new(part: &UploadPart) -> Self {
        Self {
            blob: part.blob.to_bson(),
            size: long(part.size),
        }
    }

    fn into_part(self) -> UploadPart {
        UploadPart {
            blob: BlobId::from_bson(self.blob),
            size: count(self.size),
        }
    }
}

impl From<PartDocument> for Bson {
    fn from(part: PartDocument) -> Self {
        doc! {"blob": part.blob, "size": part.size}.into()
    }
}

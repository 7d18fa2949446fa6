//! Documents of GridFS.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, RawBinaryRef, RawDocumentBuf, cstr, doc};
use serde::Deserialize;

use crate::adapters::blobs::CHUNK;
use crate::adapters::mongodb::fields::{Id, VERSION, long};
use crate::domain::id::BlobId;

/// Word in `pending.kind` of a blob that is being written.
pub(super) const WRITE: &str = "write";
/// Word in `pending.kind` of a blob that is being removed.
pub(super) const REMOVAL: &str = "removal";

/// Size in bytes of a chunk, as the documents have it.
const CHUNK_SIZE: i32 = {
    assert!(CHUNK <= 1024 * 1024, "a chunk is far smaller than the largest document");
    CHUNK as i32
};

/// A document of `media.files`, as far as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Blob {
    pub(super) length: i64,
    #[serde(rename = "chunkSize")]
    pub(super) chunk_size: i32,
}

/// A document of `media.chunks`, as far as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    pub(super) data: Binary,
}

/// A blob that is being written or removed.
#[derive(Debug, Deserialize)]
pub(super) struct Pending {
    #[serde(rename = "_id")]
    pub(super) id: mongodb::bson::Uuid,
}

/// Returns the statement that claims an id: the document is inserted, or the index of `_id` refuses it. An update, since
/// only in one can the server fill in its own time.
pub(super) fn claim(id: BlobId, token: ObjectId) -> Document {
    let fields = doc! {
        "v": VERSION, "length": long(0), "chunkSize": CHUNK_SIZE, "token": token, "pending.kind": WRITE,
    };
    doc! {
        // Never matches a document that is there, each of which has a version.
        "q": {"_id": id.to_bson(), "v": {"$exists": false}},
        "u": {"$setOnInsert": fields, "$currentDate": {"uploadDate": true, "pending.renewed_at": true}},
        "upsert": true,
    }
}

/// Returns the statement by which the writer of a blob shows that it is alive.
pub(super) fn renewal(id: BlobId, token: ObjectId) -> Document {
    doc! {
        "q": {"_id": id.to_bson(), "token": token, "pending.kind": WRITE},
        "u": {"$currentDate": {"pending.renewed_at": true}},
    }
}

/// Returns the statement that makes a blob visible. Has the same effect when it is repeated.
pub(super) fn completion(id: BlobId, token: ObjectId, length: u64) -> Document {
    doc! {
        "q": {"_id": id.to_bson(), "token": token, "pending.kind": {"$ne": REMOVAL}},
        "u": {"$set": {"length": long(length)}, "$unset": {"pending": ""}},
    }
}

/// Returns the statement that hides those blobs which are to be removed.
pub(super) fn hiding(of: Document) -> Document {
    doc! {
        "q": of,
        "u": {"$set": {"pending.kind": REMOVAL}, "$currentDate": {"pending.renewed_at": true}},
    }
}

/// Returns a document of `media.chunks`.
pub(super) fn chunk(id: BlobId, n: i32, data: &[u8]) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::try_from(&doc! {"files_id": id.to_bson(), "n": n, "v": VERSION})
        .expect("field names without NUL can be encoded");
    document.append(
        cstr!("data"),
        RawBinaryRef {
            subtype: BinarySubtype::Generic,
            bytes: data,
        },
    );
    document
}

//! Conversion of ids, counters, timestamps, hashes and enum words to and from BSON.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Uuid};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::id::{BlobId, CallId, ConversationId, Epoch, MediaId, MessageId, ServerId, SessionId, UserId};
use crate::domain::timestamp::Timestamp;
use crate::ports::RepositoryError;

/// Version of the documents that this code writes; each document carries it as `v`.
pub(super) const VERSION: DocumentVersion = DocumentVersion(1);

/// Version of a document, at most [`VERSION`]. Reading a newer document is an error: this program would misunderstand
/// it, or lose a part of it when it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct DocumentVersion(i32);

impl<'de> Deserialize<'de> for DocumentVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let version = i32::deserialize(deserializer)?;
        if version <= VERSION.0 {
            return Ok(Self(version));
        }
        Err(D::Error::custom(format_args!(
            "the document was written by a newer version of LetsApp (version {version}; this one reads up to {})",
            VERSION.0
        )))
    }
}

impl From<DocumentVersion> for Bson {
    fn from(version: DocumentVersion) -> Self {
        Self::Int32(version.0)
    }
}

/// An id of the domain, stored as Binary of subtype 4 (UUID).
pub(super) trait Id: Copy {
    /// Returns the id as BSON.
    fn to_bson(self) -> Uuid;

    /// Reads the id from BSON.
    fn from_bson(uuid: Uuid) -> Self;
}

macro_rules! id {
    ($($name:ident)*) => {$(
        impl Id for $name {
            fn to_bson(self) -> Uuid {
                Uuid::from_bytes(*self.as_bytes())
            }

            fn from_bson(uuid: Uuid) -> Self {
                Self::from_bytes(uuid.bytes())
            }
        }
    )*};
}

id!(UserId SessionId ConversationId MessageId MediaId BlobId CallId Epoch ServerId);

/// A document read with its `_id` alone.
#[derive(Debug, Deserialize)]
pub(super) struct Keyed<K> {
    #[serde(rename = "_id")]
    pub(super) key: K,
}

/// Converts ids to BSON.
pub(super) fn uuids<I: Id>(ids: &[I]) -> Vec<Uuid> {
    ids.iter().map(|id| id.to_bson()).collect()
}

/// Converts ids from BSON.
pub(super) fn ids<I: Id>(uuids: Vec<Uuid>) -> Vec<I> {
    uuids.into_iter().map(I::from_bson).collect()
}

/// Converts a counter to int64. A value above `i64::MAX`, which only a caller can make up, becomes `i64::MAX`.
pub(super) fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Converts a counter from int64; a negative value becomes 0.
pub(super) fn count(long: i64) -> u64 {
    u64::try_from(long).unwrap_or(0)
}

/// Converts a maximum number of documents to int64.
pub(super) fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Converts a timestamp to a BSON date, which has milliseconds too.
pub(super) const fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millis())
}

/// Converts a BSON date to a timestamp.
pub(super) const fn moment(date: DateTime) -> Timestamp {
    Timestamp::from_millis(date.timestamp_millis())
}

/// Converts a hash or a secret to BSON.
pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// Converts a hash or a secret from BSON.
///
/// # Errors
/// [`RepositoryError`] if the stored value does not have `N` bytes.
pub(super) fn array<const N: usize>(binary: Binary) -> Result<[u8; N], RepositoryError> {
    binary
        .bytes
        .try_into()
        .map_err(|bytes: Vec<u8>| RepositoryError::internal(format!("{} bytes stored instead of {N}", bytes.len())))
}

/// Reads the stored word of an enum variant.
///
/// # Errors
/// [`RepositoryError`] if no variant has this word.
pub(super) fn word<T>(word: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, RepositoryError> {
    read(word).ok_or_else(|| RepositoryError::internal(format!("unknown stored value `{word}`")))
}

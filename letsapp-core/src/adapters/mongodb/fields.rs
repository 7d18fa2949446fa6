//! How ids, counters, moments and hashes look in BSON.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, Uuid};
use serde::Deserialize;

use crate::domain::id::{CallId, ConversationId, MediaId, MessageId, SessionId, UserId};
use crate::domain::timestamp::Timestamp;
use crate::ports::RepositoryError;

/// The version of the documents that are written now; each carries it as `v`.
pub(super) const VERSION: i32 = 1;

/// An id of ours, kept as Binary of subtype 4.
pub(super) trait Id: Copy {
    fn to_bson(self) -> Uuid;
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

id!(UserId SessionId ConversationId MessageId MediaId CallId);

/// A document of which only the `_id` is read.
#[derive(Debug, Deserialize)]
pub(super) struct Keyed<K> {
    #[serde(rename = "_id")]
    pub(super) key: K,
}

/// Writes ids.
pub(super) fn uuids<I: Id>(ids: &[I]) -> Vec<Uuid> {
    ids.iter().map(|id| id.to_bson()).collect()
}

/// Reads ids.
pub(super) fn ids<I: Id>(uuids: Vec<Uuid>) -> Vec<I> {
    uuids.into_iter().map(I::from_bson).collect()
}

/// Writes a counter as int64; one that a caller made up and that no counter will reach becomes the highest.
pub(super) fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads a counter.
pub(super) fn count(long: i64) -> u64 {
    u64::try_from(long).unwrap_or(0)
}

/// Writes how many documents there may be at most.
pub(super) fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Writes a moment.
pub(super) const fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millis())
}

/// Reads a moment.
pub(super) const fn moment(date: DateTime) -> Timestamp {
    Timestamp::from_millis(date.timestamp_millis())
}

/// Writes a hash or a secret.
pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// Reads a hash or a secret.
pub(super) fn array<const N: usize>(binary: Binary) -> Result<[u8; N], RepositoryError> {
    binary
        .bytes
        .try_into()
        .map_err(|bytes: Vec<u8>| RepositoryError::internal(format!("{} bytes where {N} were kept", bytes.len())))
}

/// Reads a word that stands for a variant.
pub(super) fn word<T>(word: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, RepositoryError> {
    read(word).ok_or_else(|| RepositoryError::internal(format!("`{word}` stands for nothing that is known")))
}

//! Conversions between domain types and SQLite values.

use std::rc::Rc;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::contact::Alias;
use crate::domain::conversation::Kind;
use crate::domain::credential::PasswordHash;
use crate::domain::emoji::Emoji;
use crate::domain::id::{BlobId, ConversationId, Epoch, MediaId, MessageId, Rev, Seq, SessionId, UserId};
use crate::domain::key::{KeyPurpose, Kid};
use crate::domain::mark::Mark;
use crate::domain::media::{MediaState, MediaStatus, Waveform};
use crate::domain::role::Role;
use crate::domain::session::TokenHash;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, Adders, Audience, DisplayName, Email, Username};

/// A value stored as JSON text.
pub(super) struct Json<T>(pub(super) T);

/// Wraps a list to be stored as JSON, or as null if it is empty, which most lists are.
pub(super) fn list<T>(items: &[T]) -> Option<Json<&[T]>> {
    (!items.is_empty()).then_some(Json(items))
}

/// Wraps ids as one parameter for `rarray(?)`, so that the statement is the same for any number of ids.
pub(super) fn array(ids: impl IntoIterator<Item = [u8; 16]>) -> Rc<Vec<Value>> {
    Rc::new(ids.into_iter().map(|id| Value::Blob(id.into())).collect())
}

/// Converts a count to SQLite's signed integer. Stored counts always fit, but a client may ask for a larger one, which
/// is then clamped.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Stores ids as blobs of their 16 bytes.
macro_rules! bytes {
    ($($id:ident)*) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.as_bytes())))
            }
        }

        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(value).map(Self::from_bytes)
            }
        }
    )*};
}

bytes!(UserId SessionId ConversationId MessageId MediaId BlobId Epoch);

/// Stores counters as integers.
macro_rules! counter {
    ($($counter:ident)*) => {$(
        impl ToSql for $counter {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Owned(Value::Integer(integer(self.0))))
            }
        }

        impl FromSql for $counter {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                count(value).map(Self)
            }
        }
    )*};
}

counter!(Seq Rev Mark);

/// Reads a count; negative values are an error.
fn count(value: ValueRef<'_>) -> FromSqlResult<u64> {
    let integer = value.as_i64()?;
    u64::try_from(integer).map_err(|_| FromSqlError::OutOfRange(integer))
}

/// Stores texts as they are. They were validated when they were entered, and rules may have changed since, so reading
/// does not validate again.
macro_rules! text {
    ($($text:ident)*) => {$(
        impl ToSql for $text {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl FromSql for $text {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str().map(Self::from_stored)
            }
        }
    )*};
}

text!(Username DisplayName About Email Alias Title Emoji);

/// Stores enums as words, which are readable in the file and independent of the order of variants.
macro_rules! word {
    ($($word:ident)*) => {$(
        impl ToSql for $word {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl FromSql for $word {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let word = value.as_str()?;
                Self::from_word(word).ok_or_else(|| FromSqlError::other(UnknownWord(word.to_owned())))
            }
        }
    )*};
}

word!(Kind Role Audience Adders KeyPurpose MediaState MediaStatus);

/// Error of a stored word that is none of the enum's.
#[derive(Debug, thiserror::Error)]
#[error("unknown value {0:?} in the database")]
pub(super) struct UnknownWord(pub(super) String);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_millis().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::from_millis)
    }
}

impl ToSql for PasswordHash {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_phc().into())
    }
}

impl FromSql for PasswordHash {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(Self::from_phc)
    }
}

impl ToSql for TokenHash {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for TokenHash {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(Self)
    }
}

impl ToSql for Waveform {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.points())))
    }
}

impl FromSql for Waveform {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(Self::from_stored)
    }
}

impl ToSql for Kid {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for Kid {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(Self)
    }
}

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(&self.0);
        text.map(ToSqlOutput::from)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

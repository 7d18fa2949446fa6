//! The driver's errors, by what follows from them.

use std::borrow::Cow;

use mongodb::bson::{Document, RawDocument, deserialize_from_slice};
use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, WriteFailure};
use serde::Deserialize;

use crate::ports::RepositoryError;

/// Codes of a command that may work elsewhere or later: there is no primary, or it is stepping down, shutting down or
/// out of time; a lock or a snapshot was not to be had; no majority answered.
const PASSING: [i32; 26] = [
    6, 7, 24, 46, 50, 64, 89, 91, 100, 112, 133, 134, 189, 202, 225, 246, 251, 262, 9001, 10058, 10107, 11600, 11602,
    13388, 13435, 13436,
];
/// Codes of a duplicate key, old spellings included.
const DUPLICATE: [i32; 3] = [11000, 11001, 12582];

impl From<Error> for RepositoryError {
    fn from(error: Error) -> Self {
        if is_passing(&error) {
            Self::unavailable(error)
        } else {
            Self::internal(error)
        }
    }
}

/// Tells whether the same may work later. Of a write it is then not known whether it was carried out.
pub(super) fn is_passing(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Shutdown => true,
        ErrorKind::Command(command) => {
            PASSING.contains(&command.code) || error.contains_label(TRANSIENT_TRANSACTION_ERROR)
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(_)) => true,
        ErrorKind::Write(WriteFailure::WriteError(write)) => PASSING.contains(&write.code),
        _ => error.contains_label(TRANSIENT_TRANSACTION_ERROR),
    }
}

/// Tells whether the server has not carried out any of a command, and never will.
pub(super) fn is_refusal(error: &Error) -> bool {
    let answered = matches!(
        &*error.kind,
        ErrorKind::Command(_) | ErrorKind::Authentication { .. } | ErrorKind::InvalidArgument { .. }
    );
    answered && !is_passing(error)
}

/// Returns the key over which a write of a single document stumbled, if it did.
pub(super) fn duplicate_of(error: &Error) -> Option<Key> {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(write)) if DUPLICATE.contains(&write.code) => {}
        ErrorKind::Command(command) if DUPLICATE.contains(&command.code) => {}
        _ => return None,
    }
    let response = error.server_response()?;
    let from_write = Reply::read(response).ok().and_then(|reply| match reply.refusal?.fault {
        Fault::Duplicate(key) => Some(key),
        _ => None,
    });
    from_write.or_else(|| Some(Key::of(response.get_document("keyPattern").ok()?)))
}

/// Which unique index refused a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// That of `_id`.
    Id,
    /// Another, whose last field is this.
    Field(String),
}

impl Key {
    fn of(pattern: &RawDocument) -> Self {
        match pattern.iter().filter_map(Result::ok).last() {
            Some((field, _)) if field.as_str() != "_id" => Self::Field(field.as_str().to_owned()),
            _ => Self::Id,
        }
    }
}

/// What the server says to an `insert`, `update` or `delete` of several documents.
#[derive(Debug)]
pub(super) struct Reply {
    /// How many were carried out; of an ordered command, the first ones.
    pub(super) done: usize,
    /// The first that was not.
    pub(super) refusal: Option<Refusal>,
    /// Why it is not known whether what was done will last.
    pub(super) unconfirmed: Option<String>,
}

/// A document that was not written.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) index: usize,
    pub(super) fault: Fault,
}

/// Why a document was not written.
#[derive(Debug)]
pub(super) enum Fault {
    /// A unique index has its key already.
    Duplicate(Key),
    /// It may be written later.
    Passing(String),
    /// It won't be, ever.
    Lasting(String),
}

#[derive(Deserialize)]
struct RawReply<'a> {
    #[serde(default)]
    n: i64,
    #[serde(borrow, default, rename = "writeErrors")]
    write_errors: Vec<RawWriteError<'a>>,
    #[serde(borrow, default, rename = "writeConcernError")]
    write_concern_error: Option<RawWriteConcernError<'a>>,
}

#[derive(Deserialize)]
struct RawWriteError<'a> {
    index: i32,
    code: i32,
    #[serde(borrow, default)]
    errmsg: Cow<'a, str>,
    #[serde(default, rename = "keyPattern")]
    key_pattern: Option<Document>,
}

#[derive(Deserialize)]
struct RawWriteConcernError<'a> {
    code: i32,
    #[serde(borrow, default)]
    errmsg: Cow<'a, str>,
}

impl Reply {
    pub(super) fn read(response: &RawDocument) -> Result<Self, Error> {
        let raw: RawReply<'_> = deserialize_from_slice(response.as_bytes())?;
        let refusal = raw.write_errors.into_iter().min_by_key(|error| error.index);
        Ok(Self {
            done: usize::try_from(raw.n).unwrap_or(0),
            refusal: refusal.map(RawWriteError::into_refusal),
            unconfirmed: raw
                .write_concern_error
                .map(|error| format!("{} (code {})", error.errmsg, error.code)),
        })
    }
}

impl RawWriteError<'_> {
    fn into_refusal(self) -> Refusal {
        let said = format!("{} (code {})", self.errmsg, self.code);
        let fault = if DUPLICATE.contains(&self.code) {
            Fault::Duplicate(match self.key_pattern.as_ref().and_then(|key| key.keys().last()) {
                Some(field) if field != "_id" => Key::Field(field.clone()),
                _ => Key::Id,
            })
        } else if PASSING.contains(&self.code) {
            Fault::Passing(said)
        } else {
            Fault::Lasting(said)
        };
        Refusal {
            index: usize::try_from(self.index).unwrap_or(0),
            fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{RawDocumentBuf, rawdoc};

    use super::*;

    fn fault(error: RawDocumentBuf) -> Option<Refusal> {
        let mut errors = mongodb::bson::raw::RawArrayBuf::new();
        errors.push(error);
        let reply = Reply::read(&rawdoc! {"ok": 1.0, "n": 2, "writeErrors": errors}).unwrap();
        assert_eq!(reply.done, 2);
        reply.refusal
    }

    #[test]
    fn the_index_that_refused_a_document_is_told_by_its_key() {
        let id = fault(rawdoc! {"index": 2, "code": 11000, "errmsg": "E11000", "keyPattern": {"_id": 1}});
        assert!(matches!(
            id,
            Some(Refusal {
                index: 2,
                fault: Fault::Duplicate(Key::Id)
            })
        ));
        let pattern = rawdoc! {"conversation_id": 1, "seq": 1};
        let seq = fault(rawdoc! {"index": 2, "code": 11000, "errmsg": "E11000", "keyPattern": pattern});
        assert!(
            matches!(&seq, Some(Refusal { fault: Fault::Duplicate(Key::Field(field)), .. }) if field == "seq"),
            "{seq:?}"
        );
    }

    #[test]
    fn other_refusals_are_told_apart_by_whether_they_pass() {
        let conflict = fault(rawdoc! {"index": 0, "code": 112, "errmsg": "WriteConflict"});
        assert!(matches!(
            conflict,
            Some(Refusal {
                fault: Fault::Passing(_),
                ..
            })
        ));
        let invalid = fault(rawdoc! {"index": 0, "code": 121, "errmsg": "Document failed validation"});
        assert!(matches!(
            invalid,
            Some(Refusal {
                fault: Fault::Lasting(_),
                ..
            })
        ));
    }

    #[test]
    fn what_no_majority_has_is_unconfirmed() {
        let concern = rawdoc! {"code": 64, "errmsg": "waiting for replication timed out"};
        let reply = Reply::read(&rawdoc! {"ok": 1.0, "n": 1, "writeConcernError": concern}).unwrap();
        assert!(reply.refusal.is_none() && reply.unconfirmed.is_some());
    }
}

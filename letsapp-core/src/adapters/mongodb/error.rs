//! Classification of the driver's errors and of the server's replies to writes by what the caller may do next.

use std::borrow::Cow;
use std::io;

use mongodb::bson::{Document, RawDocument, deserialize_from_slice};
use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, WriteFailure};
use serde::Deserialize;

use crate::ports::RepositoryError;

/// Error codes of commands that may succeed later or on another server: there is no primary, or it is stepping down,
/// shutting down or out of time; a lock or a snapshot was not available; no majority answered.
const PASSING: [i32; 26] = [
    6, 7, 24, 46, 50, 64, 89, 91, 100, 112, 133, 134, 189, 202, 225, 246, 251, 262, 9001, 10058, 10107, 11600, 11602,
    13388, 13435, 13436,
];
/// Error codes of commands that reached their time limit.
const TIMEOUT: [i32; 2] = [50, 262];
/// Error codes of a duplicate key, including those of older servers.
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

/// Reports whether the same operation may succeed later. A write that fails so may have been carried out nevertheless.
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
        // The write was carried out, but no majority has it yet: it may still be rolled back.
        ErrorKind::Write(WriteFailure::WriteConcernError(_)) => true,
        ErrorKind::Write(WriteFailure::WriteError(write)) => PASSING.contains(&write.code),
        _ => error.contains_label(TRANSIENT_TRANSACTION_ERROR),
    }
}

/// Reports whether the server has refused a command as a whole and would refuse it again.
pub(super) fn is_refusal(error: &Error) -> bool {
    let answered = matches!(
        &*error.kind,
        ErrorKind::Command(_) | ErrorKind::Authentication { .. } | ErrorKind::InvalidArgument { .. }
    );
    answered && !is_passing(error)
}

/// Tells whether a time limit was reached, the server's or this client's. The command may have been carried out in part.
pub(super) fn is_timeout(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Io(error) => error.kind() == io::ErrorKind::TimedOut,
        ErrorKind::Command(command) => TIMEOUT.contains(&command.code),
        _ => false,
    }
}

/// Returns the unique key that refused a write of a single document, if that is the error.
pub(super) fn duplicate_of(error: &Error) -> Option<Key> {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(write)) if DUPLICATE.contains(&write.code) => {}
        ErrorKind::Command(command) if DUPLICATE.contains(&command.code) => {}
        _ => return None,
    }
    // Write commands report the index in `writeErrors`, `findAndModify` at the top of its reply.
    let response = error.server_response()?;
    let from_write = Reply::read(response).ok().and_then(|reply| match reply.refusal?.fault {
        Fault::Duplicate(key) => Some(key),
        _ => None,
    });
    from_write.or_else(|| Some(Key::of(response.get_document("keyPattern").ok()?)))
}

/// Unique index that refused a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The index of `_id`.
    Id,
    /// Another index, named by its last field, which tells the indexes of a collection apart.
    Field(String),
}

impl Key {
    /// Reads the key from the index's `keyPattern`.
    fn of(pattern: &RawDocument) -> Self {
        match pattern.iter().filter_map(Result::ok).last() {
            Some((field, _)) if field.as_str() != "_id" => Self::Field(field.as_str().to_owned()),
            _ => Self::Id,
        }
    }
}

/// Reply of the server to an `insert`, `update` or `delete` of several documents.
#[derive(Debug)]
pub(super) struct Reply {
    /// Number of documents carried out; for an ordered command, the first ones.
    pub(super) done: usize,
    /// First document that was refused.
    pub(super) refusal: Option<Refusal>,
    /// Text of the write concern error: no majority has confirmed what was carried out, so it may be rolled back.
    pub(super) unconfirmed: Option<String>,
    /// Whether the refusal, or the missing confirmation, is due to the time limit.
    pub(super) timed_out: bool,
}

/// Document of a command that was not written.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Position in the command, from 0.
    pub(super) index: usize,
    /// Reason.
    pub(super) fault: Fault,
}

/// Reason for which a document was not written.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another document has its key in a unique index.
    Duplicate(Key),
    /// Temporary, with the server's error: the same write may succeed later.
    Passing(String),
    /// Permanent, with the server's error: the same write will never succeed.
    Lasting(String),
}

/// Reply of the server, as it is sent.
#[derive(Deserialize)]
struct RawReply<'a> {
    #[serde(default)]
    n: i64,
    #[serde(borrow, default, rename = "writeErrors")]
    write_errors: Vec<RawWriteError<'a>>,
    #[serde(borrow, default, rename = "writeConcernError")]
    write_concern_error: Option<RawWriteConcernError<'a>>,
}

/// Element of `writeErrors`.
#[derive(Deserialize)]
struct RawWriteError<'a> {
    index: i32,
    code: i32,
    #[serde(borrow, default)]
    errmsg: Cow<'a, str>,
    #[serde(default, rename = "keyPattern")]
    key_pattern: Option<Document>,
}

/// Value of `writeConcernError`.
#[derive(Deserialize)]
struct RawWriteConcernError<'a> {
    code: i32,
    #[serde(borrow, default)]
    errmsg: Cow<'a, str>,
}

impl Reply {
    /// Reads a reply.
    ///
    /// # Errors
    /// [`Error`] if the reply does not have the form of a reply to a write.
    pub(super) fn read(response: &RawDocument) -> Result<Self, Error> {
        let raw: RawReply<'_> = deserialize_from_slice(response.as_bytes())?;
        // An unordered command may have several; the first is enough to act on.
        let refusal = raw.write_errors.into_iter().min_by_key(|error| error.index);
        let codes = [
            refusal.as_ref().map(|error| error.code),
            raw.write_concern_error.as_ref().map(|error| error.code),
        ];
        Ok(Self {
            timed_out: codes.iter().flatten().any(|code| TIMEOUT.contains(code)),
            done: usize::try_from(raw.n).unwrap_or(0),
            refusal: refusal.map(RawWriteError::into_refusal),
            unconfirmed: raw
                .write_concern_error
                .map(|error| format!("{} (code {})", error.errmsg, error.code)),
        })
    }
}

impl RawWriteError<'_> {
    /// Classifies the error by its code.
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
    fn a_duplicate_key_names_the_index_that_refused_the_document() {
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
    fn other_refusals_are_temporary_or_permanent_by_their_code() {
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
    fn a_write_without_a_majority_is_unconfirmed() {
        let concern = rawdoc! {"code": 64, "errmsg": "waiting for replication timed out"};
        let reply = Reply::read(&rawdoc! {"ok": 1.0, "n": 1, "writeConcernError": concern}).unwrap();
        assert!(reply.refusal.is_none() && reply.unconfirmed.is_some() && !reply.timed_out);
    }

    #[test]
    fn a_write_that_reached_its_time_limit_is_told_from_other_failures() {
        let concern = rawdoc! {"code": 50, "errmsg": "operation exceeded time limit"};
        let reply = Reply::read(&rawdoc! {"ok": 1.0, "n": 1, "writeConcernError": concern}).unwrap();
        assert!(reply.timed_out && reply.unconfirmed.is_some());
        let mut errors = mongodb::bson::raw::RawArrayBuf::new();
        errors.push(rawdoc! {"index": 1, "code": 50, "errmsg": "operation exceeded time limit"});
        let reply = Reply::read(&rawdoc! {"ok": 1.0, "n": 1, "writeErrors": errors}).unwrap();
        assert!(reply.timed_out && reply.unconfirmed.is_none());
        let silent = Error::from(io::Error::new(
            io::ErrorKind::TimedOut,
            "the server did not answer in time",
        ));
        assert!(is_timeout(&silent) && !is_timeout(&Error::from(io::Error::from(io::ErrorKind::BrokenPipe))));
    }
}

//! Errors of operations on files.

use crate::domain::media::Refusal;
use crate::ports::{BlobError, BoxError, RepositoryError};
use crate::protocol::FieldError;

/// An error of an operation on a file.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// No such file exists, or the caller may not know that it exists.
    #[error("there is no such file")]
    NotFound,
    /// The upload is complete or was given up.
    #[error("this upload is over")]
    Ended,
    /// The caller may see the file, but may not do this.
    #[error("only the owner of a file may delete it")]
    NotTheOwner,
    /// The link is not one of this server's, was altered, or has expired.
    #[error("this link is not valid any more: ask for a new one")]
    BadLink,
    /// The id was used for a different file already.
    #[error("this id was already used for a different file")]
    Conflict,
    /// A message, a profile or a group shows the file.
    #[error("a message, a profile or a group shows this file")]
    InUse,
    /// The file, or all files of the caller together, are larger or more than allowed.
    #[error("the file is too large, or there is no room for it: see `errors`")]
    TooLarge(FieldError),
    /// The type of the file is not allowed, or its name claims another.
    #[error("the file {0}")]
    WrongType(Refusal),
    /// The file is a picture that is damaged or too large to be drawn.
    #[error("the file {0}")]
    BadPicture(Refusal),
    /// The scanner has found malware.
    #[error("the scanner found {0} in the file")]
    Infected(String),
    /// Some fields of the request are invalid.
    #[error("some fields are not valid")]
    Invalid(Vec<FieldError>),
    /// The upload broke off.
    #[error("the upload ended before the file was complete")]
    Broken(#[source] BoxError),
    /// The bytes do not have the checksum that came with them. None of them were kept.
    #[error("the bytes do not have the checksum that came with them")]
    Checksum,
    /// The offset is not the one at which the upload goes on.
    #[error("the upload goes on at byte {0}")]
    WrongOffset(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

impl MediaError {
    /// Makes the error for one invalid field.
    pub(crate) fn invalid(field: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, detail)])
    }

    pub(crate) fn too_large(field: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::TooLarge(FieldError::new(field, code, detail))
    }
}

impl From<Refusal> for MediaError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Mismatch { .. } | Refusal::NotAllowed(_) | Refusal::Uncleanable(_) => Self::WrongType(refusal),
            _ => Self::BadPicture(refusal),
        }
    }
}

impl From<BlobError> for MediaError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Interrupted(cause) => Self::Broken(cause),
            BlobError::NotFound => Self::NotFound,
            BlobError::Unavailable(_) => Self::Store(RepositoryError::unavailable(error)),
            BlobError::Exists | BlobError::OutOfRange { .. } | BlobError::Internal(_) => {
                Self::Store(RepositoryError::internal(error))
            }
        }
    }
}

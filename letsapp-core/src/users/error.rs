//! What can go wrong with a profile, by what the caller can do about it.

use crate::storage::RepositoryError;

/// Why a profile was not shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such user.
    #[error("there is no such user")]
    NotFound,
    /// The address is another's.
    #[error("this email address belongs to another account")]
    EmailTaken,
    /// The picture is none of one's own.
    #[error("there is no such picture")]
    UnknownPicture,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

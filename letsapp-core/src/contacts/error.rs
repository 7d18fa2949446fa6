//! What can go wrong with contacts and blocks, by what the caller can do about it.

use crate::storage::RepositoryError;

/// Why somebody was not listed or blocked.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// There is no such user, or not any more.
    #[error("there is no such user")]
    NotFound,
    /// It takes somebody else.
    #[error("one can neither list nor block oneself")]
    Oneself,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

//! Errors of a store.

use std::error::Error as StdError;

/// An error of a store, classified by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The store can't be reached or is too busy. The step may or may not have been carried out. Repeating the same
    /// step later is safe.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
    /// The store answered with an error that a retry does not fix: a broken row, a full disk, a bug.
    #[error("the store failed")]
    Internal(#[source] BoxError),
}

/// The cause inside a [`RepositoryError`].
pub type BoxError = Box<dyn StdError + Send + Sync>;

impl RepositoryError {
    /// Wraps a temporary cause.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// Wraps a cause that a retry does not fix.
    pub fn internal(cause: impl Into<BoxError>) -> Self {
        Self::Internal(cause.into())
    }
}

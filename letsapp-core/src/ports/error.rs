//! The failure of a store.

use std::error::Error as StdError;

/// A store's failure, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The store can't be reached or is too busy. The step may or may not have been carried out; offering the same
    /// step again later is safe.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
    /// The store answered with something that retrying won't mend: a broken row, a full disk, a fault of ours.
    #[error("the store failed")]
    Internal(#[source] BoxError),
}

/// The cause inside a [`RepositoryError`].
pub type BoxError = Box<dyn StdError + Send + Sync>;

impl RepositoryError {
    /// Wraps a cause that may pass.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// Wraps a cause that won't pass by itself.
    pub fn internal(cause: impl Into<BoxError>) -> Self {
        Self::Internal(cause.into())
    }
}

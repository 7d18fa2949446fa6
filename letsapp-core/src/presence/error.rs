//! What can go wrong with presence, by what the caller can do about it.

use crate::presence::MAX_WATCHED;
use crate::storage::RepositoryError;

/// Why it was not told who is there.
#[derive(Debug, thiserror::Error)]
pub enum PresenceError {
    /// So many can't be watched at once.
    #[error("at most {MAX_WATCHED} users can be watched")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

//! The store of the server's own keys.

use async_trait::async_trait;

use crate::domain::key::{Key, KeyPurpose};
use crate::ports::error::RepositoryError;

/// Keeps the server's own keys, where several servers share a store; a single server may keep them in files.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait KeyRepository: Send + Sync {
    /// Returns the keys of a purpose, the newest first; if there is none, `candidate` becomes the first. Of several at
    /// once who find none, all get the same one.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn keys(&self, purpose: KeyPurpose, candidate: Key) -> Result<Vec<Key>, RepositoryError>;
}

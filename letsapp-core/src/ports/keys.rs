//! The store of the server's own keys.

use async_trait::async_trait;

use crate::domain::key::{Key, KeyPurpose};
use crate::ports::error::RepositoryError;

/// Stores the server's own keys where several servers share a store. A single server may keep them in files instead.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait KeyRepository: Send + Sync {
    /// Returns the keys of a purpose, the newest first. If there is none, `candidate` is stored as the first key. Of
    /// several concurrent calls that find no key, all return the same one.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn keys(&self, purpose: KeyPurpose, candidate: Key) -> Result<Vec<Key>, RepositoryError>;
}

//! The store of its own description.

use async_trait::async_trait;

use crate::domain::id::Epoch;
use crate::domain::meta::Meta;
use crate::ports::error::RepositoryError;

/// Stores one record that describes the store itself.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait MetaRepository: Send + Sync {
    /// Returns the record. If there is none, one with the epoch `candidate` is stored. Of several concurrent calls that
    /// find none, all return the same one.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn meta(&self, candidate: Epoch) -> Result<Meta, RepositoryError>;

    /// Replaces the epoch, whether there is a record or not, and returns the new record. Servers that are running go on
    /// with the epoch that they have read.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn renew_epoch(&self, to: Epoch) -> Result<Meta, RepositoryError>;
}

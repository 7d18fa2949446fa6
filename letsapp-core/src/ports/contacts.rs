//! The store of contacts and blocks.

use async_trait::async_trait;

use crate::domain::contact::{Block, Contact, ContactEdge};
use crate::domain::id::UserId;
use crate::ports::error::RepositoryError;

/// Keeps whom users list and whom they block: at most one of each from one user to another, in lists ordered by the
/// other's id. Whether there are such users is not asked.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ContactRepository: Send + Sync {
    /// Lists a contact and returns it as it is now. One who is listed already takes the new alias, or none, and stays
    /// listed since when they were.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn put(&self, contact: Contact) -> Result<Contact, RepositoryError>;

    /// Takes a contact off its owner's list; false if it was not there. Of several at once, exactly one is true.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn remove(&self, edge: ContactEdge) -> Result<bool, RepositoryError>;

    /// Returns a user's contacts, those after `after` only, at most `limit`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn contacts(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Contact>, RepositoryError>;

    /// Returns those of the edges of which the owner lists the other, each once, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn listed(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError>;

    /// Puts up a block and returns it as it is now. One that stands already stays as it is.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn block(&self, block: Block) -> Result<Block, RepositoryError>;

    /// Takes a block down; false if there was none. Of several at once, exactly one is true.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn unblock(&self, edge: ContactEdge) -> Result<bool, RepositoryError>;

    /// Returns a user's blocks, those after `after` only, at most `limit`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn blocks(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Block>, RepositoryError>;

    /// Returns those of the edges of which the owner blocks the other, each once, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn blocked(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError>;

    /// Removes all contacts and blocks that a user owns; those that others have of the user stay. It may be done again.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails: some may be removed already.
    async fn forget(&self, owner_id: UserId) -> Result<(), RepositoryError>;
}

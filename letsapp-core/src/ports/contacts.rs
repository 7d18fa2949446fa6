//! The store of contacts and blocks.

use async_trait::async_trait;

use crate::domain::contact::{Block, Contact, ContactEdge};
use crate::domain::id::UserId;
use crate::ports::error::RepositoryError;

/// Stores the contacts and the blocks of users.
///
/// From one user to another there is at most one contact and at most one block. Lists are ordered by the other user's
/// id. The store does not check that the users exist.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ContactRepository: Send + Sync {
    /// Adds a contact to its owner's list and returns it as stored. If the user is listed already, the contact takes
    /// the new alias, or loses its alias if there is none, and keeps the time since when it is listed.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn put(&self, contact: Contact) -> Result<Contact, RepositoryError>;

    /// Removes a contact from its owner's list; false if it was not listed. Of several concurrent calls, exactly one
    /// returns true.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn remove(&self, edge: ContactEdge) -> Result<bool, RepositoryError>;

    /// Returns at most `limit` contacts of a user, only those after `after`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn contacts(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Contact>, RepositoryError>;

    /// Returns those of the edges whose owner lists the other user, each once, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn listed(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError>;

    /// Adds a block and returns it as stored. A block that exists already stays unchanged.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn block(&self, block: Block) -> Result<Block, RepositoryError>;

    /// Removes a block; false if there was none. Of several concurrent calls, exactly one returns true.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn unblock(&self, edge: ContactEdge) -> Result<bool, RepositoryError>;

    /// Returns at most `limit` blocks of a user, only those after `after`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn blocks(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Block>, RepositoryError>;

    /// Returns those of the edges whose owner blocks the other user, each once, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn blocked(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError>;

    /// Removes all contacts and blocks that a user owns. Contacts and blocks that others own and that name this user
    /// stay. Repeating the call is safe.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. Some contacts and blocks may have been removed already.
    async fn forget(&self, owner_id: UserId) -> Result<(), RepositoryError>;
}

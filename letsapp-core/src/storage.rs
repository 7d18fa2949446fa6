//! What a store is to LetsApp: one small trait per aggregate, handed out by [`Repositories`].
//!
//! # Adding a store
//!
//! 1. Make a folder with one file per trait: `users.rs`, `sessions.rs`, `contacts.rs`, `conversations.rs`,
//!    `messages.rs`, `keys.rs`.
//! 2. In each, write the trait's methods as one atomic step of your database. The promise of a method stands in the
//!    trait's own documentation, and nowhere else. Put no rule of the product there: whether somebody *may* do a thing
//!    was decided before you are called.
//!    Counters and sizes that are to be kept fit into 63 bits; those that are asked for may be any. Texts are any
//!    Unicode, NUL included, and ids any bits. Times only move on, but for what the clocks of several servers differ.
//! 3. Return [`RepositoryError::Unavailable`] for what may work later, [`RepositoryError::Internal`] for what won't.
//! 4. Implement [`Repositories`] for the type that holds the connection.
//! 5. Run the suite on it: `letsapp_core::contract_suite!(my_store, MySubject::new());` (feature `contract`, see the
//!    module of that name). When it passes, the services behave on your store as they do on ours.

use std::error::Error as StdError;
use std::sync::Arc;

use async_trait::async_trait;

use crate::auth::{KeyRepository, SessionRepository};
use crate::contacts::ContactRepository;
use crate::conversations::ConversationRepository;
use crate::messages::MessageRepository;
use crate::users::UserRepository;

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

/// A store, as the application sees it: one repository per aggregate.
#[async_trait]
pub trait Repositories: Send + Sync {
    /// Returns the store of users and their credentials.
    fn users(&self) -> Arc<dyn UserRepository>;

    /// Returns the store of sessions.
    fn sessions(&self) -> Arc<dyn SessionRepository>;

    /// Returns the store of contacts and blocks.
    fn contacts(&self) -> Arc<dyn ContactRepository>;

    /// Returns the store of conversations and their members.
    fn conversations(&self) -> Arc<dyn ConversationRepository>;

    /// Returns the store of messages.
    fn messages(&self) -> Arc<dyn MessageRepository>;

    /// Returns the store of the server's own keys.
    fn keys(&self) -> Arc<dyn KeyRepository>;

    /// Tells whether other servers may write to the same data while this one does.
    fn is_shared(&self) -> bool {
        false
    }

    /// Asks the store whether it can serve.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] when it can't.
    async fn ping(&self) -> Result<(), RepositoryError>;

    /// Finishes what has been accepted, and lets go of files and connections. Later calls are
    /// [`RepositoryError::Unavailable`].
    async fn close(&self);
}

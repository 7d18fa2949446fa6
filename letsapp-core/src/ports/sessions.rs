//! The stores of sessions and of the server's keys.

use async_trait::async_trait;

use crate::domain::id::{SessionId, UserId};
use crate::domain::session::{Generation, Session, TokenHash};
use crate::domain::timestamp::Timestamp;
use crate::ports::error::RepositoryError;

/// Keeps sessions. A session that is revoked is gone; one that has expired may be.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send + Sync {
    /// Adds a session.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn create(&self, session: Session) -> Result<(), RepositoryError>;

    /// Returns those of the sessions that exist, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find(&self, ids: &[SessionId]) -> Result<Vec<Session>, RepositoryError>;

    /// Returns a user's sessions, the newest first.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn of_user(&self, user_id: UserId) -> Result<Vec<Session>, RepositoryError>;

    /// Replaces the refresh token whose hash is `from` by `to` in one step: `from` becomes the session's `previous`,
    /// its end moves to `expires_at`, its last use to `to.issued_at`. False, and nothing is changed, if the session is
    /// gone or its present hash is not `from`. Of several at once with the same `from`, exactly one is true.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn rotate(
        &self,
        id: SessionId,
        from: TokenHash,
        to: Generation,
        expires_at: Timestamp,
    ) -> Result<bool, RepositoryError>;

    /// Notes that a session was used: its last use rises to `at`, and if `number` is that of its present generation,
    /// the first use of that is set to `at` unless it was set before.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn used(&self, id: SessionId, number: u32, at: Timestamp) -> Result<(), RepositoryError>;

    /// Removes those of the sessions that are this user's, and returns which they were.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn revoke(&self, user_id: UserId, which: Revoke) -> Result<Vec<SessionId>, RepositoryError>;
}

/// Which of a user's sessions to revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// This one.
    One(SessionId),
    /// All but this one.
    AllBut(SessionId),
    /// All.
    All,
}

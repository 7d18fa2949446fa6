//! The store of sessions.

use async_trait::async_trait;

use crate::domain::id::{SessionId, UserId};
use crate::domain::session::{Generation, Session, TokenHash};
use crate::domain::timestamp::Timestamp;
use crate::ports::error::RepositoryError;

/// Stores sessions. A revoked session is removed at once, an expired one by [`remove_expired`](Self::remove_expired) or
/// before.
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

    /// Returns the sessions of a user, the newest first.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn of_user(&self, user_id: UserId) -> Result<Vec<Session>, RepositoryError>;

    /// Replaces the refresh token whose hash is `from` by `to` in one step: `from` becomes the session's `previous`,
    /// the session's end moves to `expires_at`, and its last use to `to.issued_at`.
    ///
    /// Returns false, and changes nothing, if the session is gone or its current hash is not `from`. Of several
    /// concurrent calls with the same `from`, exactly one returns true.
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

    /// Records a use of a session: its last use rises to `at`. If `number` is the number of the session's current
    /// generation, the first use of that generation is set to `at` unless it is set already.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn used(&self, id: SessionId, number: u32, at: Timestamp) -> Result<(), RepositoryError>;

    /// Removes the selected sessions of this user and returns the ids of those removed.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn revoke(&self, user_id: UserId, which: Revoke) -> Result<Vec<SessionId>, RepositoryError>;

    /// Removes at most `limit` sessions that ended before `before`, those that ended longest ago first. Returns true
    /// once there are no more. Repeating the call, also concurrently, is safe. The cost does not depend on the number
    /// of other sessions.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. Some sessions may have been removed.
    async fn remove_expired(&self, before: Timestamp, limit: usize) -> Result<bool, RepositoryError>;
}

/// A selection of a user's sessions to revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// Only this session.
    One(SessionId),
    /// All sessions except this one.
    AllBut(SessionId),
    /// All sessions.
    All,
}

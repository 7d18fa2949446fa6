//! The authenticated user who makes a request.

use crate::domain::id::{SessionId, UserId};

/// Proof that a request comes from an authenticated user and session.
///
/// [`AuthService`](crate::services::auth::AuthService) creates one from an access token. A program that embeds LetsApp
/// and authenticates users by other means creates its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// Authenticated user.
    pub user_id: UserId,
    /// Session of the device that makes the request.
    pub session_id: SessionId,
}

//! The signed-in user on whose behalf a request is made.

use crate::domain::id::{SessionId, UserId};

/// Proof that a request comes from a signed-in user. Only [`AuthService`](crate::services::auth::AuthService) makes one from a
/// token; a program that embeds LetsApp and knows its users by other means makes its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// Who it is.
    pub user_id: UserId,
    /// On which device.
    pub session_id: SessionId,
}

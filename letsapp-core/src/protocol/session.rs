//! Sessions and tokens on the wire.

use serde::{Deserialize, Serialize};

use crate::domain::id::SessionId;
use crate::domain::timestamp::Timestamp;
use crate::protocol::user::User;

/// Response to a registration or login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedIn {
    /// User who signed in.
    pub user: User,
    /// Tokens of the new session.
    pub tokens: Tokens,
}

/// Access token and refresh token of a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// Token for the header `Authorization: Bearer …`.
    pub access_token: String,
    /// Token to exchange for the next pair of tokens, once.
    pub refresh_token: String,
    /// Type of the access token; always `Bearer`.
    pub token_type: TokenType,
    /// Time until the access token expires, in seconds.
    pub expires_in: u64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Way in which an access token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TokenType {
    /// In the header `Authorization` (RFC 6750).
    Bearer,
}

/// A signed-in device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionInfo {
    /// Id of the session.
    pub id: SessionId,
    /// Name of the device, set by its client; null if none.
    pub device_name: Option<String>,
    /// Time of signing in, set by the server.
    pub created_at: Timestamp,
    /// Time of the last use, with a precision of one minute, set by the server.
    pub last_used_at: Timestamp,
    /// Whether the session is the one that makes this request.
    pub current: bool,
}

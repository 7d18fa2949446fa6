//! Sessions and their refresh tokens, as stored.

use std::fmt;

use crate::domain::id::{SessionId, UserId};
use crate::domain::key::Kid;
use crate::domain::timestamp::Timestamp;

/// A signed-in device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Unique id, assigned by the server.
    pub id: SessionId,
    /// User who is signed in.
    pub user_id: UserId,
    /// Name of the device, set by the client.
    pub device_name: Option<String>,
    /// Time of signing in, set by the server's clock.
    pub created_at: Timestamp,
    /// Time of the last use, with a precision of one minute, set by the server's clock.
    pub last_used_at: Timestamp,
    /// Time at which the session ends unless it is refreshed before.
    pub expires_at: Timestamp,
    /// Current refresh token.
    pub refresh: Generation,
    /// Hash of the previous refresh token. A client that did not receive the answer to its refresh presents it again.
    pub previous: Option<TokenHash>,
}

/// Refresh token of a session. Each refresh replaces it by the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Number of the token in its session, counted from 1.
    pub number: u32,
    /// Hash of the token.
    pub hash: TokenHash,
    /// Id of the key from which the token was derived. The same token can be derived again for a client that did not
    /// receive it, without being stored.
    pub kid: Kid,
    /// Time at which the token replaced its predecessor, set by the server's clock.
    pub issued_at: Timestamp,
    /// Time of the first use of the token, or of an access token issued with it; `None` before. The previous token can
    /// be presented again until a few seconds after; later, its use is taken for theft and ends the session.
    pub used_at: Option<Timestamp>,
}

/// SHA-256 of a refresh token. The token itself is not stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

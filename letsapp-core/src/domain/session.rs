//! Sessions, credentials and keys, as they are kept.

use std::fmt;

use crate::domain::id::{SessionId, UserId};
use crate::domain::key::Kid;
use crate::domain::timestamp::Timestamp;

/// A device that is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which session.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// What the user calls the device.
    pub device_name: Option<String>,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
    /// The refresh token in force.
    pub refresh: Generation,
    /// The hash of the refresh token that this one replaced.
    pub previous: Option<TokenHash>,
}

/// One refresh token of a session, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Counts the session's refresh tokens from 1.
    pub number: u32,
    /// The hash of the token.
    pub hash: TokenHash,
    /// The key that the token was derived with, so that it can be derived again.
    pub kid: Kid,
    /// When it replaced its predecessor.
    pub issued_at: Timestamp,
    /// When it, or an access token issued with it, was first used.
    pub used_at: Option<Timestamp>,
}

/// SHA-256 of a refresh token: all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

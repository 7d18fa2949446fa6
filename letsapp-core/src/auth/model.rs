//! Sessions, credentials and keys, as they are kept.

use std::fmt;

use crate::id::{SessionId, UserId};
use crate::time::Timestamp;

/// Proof that a request comes from a signed-in user. Only [`AuthService`](crate::auth::AuthService) makes one from a
/// token; a program that embeds LetsApp and knows its users by other means makes its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// Who it is.
    pub user_id: UserId,
    /// On which device.
    pub session_id: SessionId,
}

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

/// A password hash in PHC string format (argon2id).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string that a store has kept or a hasher has made.
    pub fn from_phc(phc: impl Into<String>) -> Self {
        Self(phc.into())
    }

    /// Returns the PHC string.
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What a login is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Whose it is.
    pub user_id: UserId,
    /// The hash of the password.
    pub password: PasswordHash,
}

/// Names a key, so that keys can be rotated while what they made is still about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid(pub String);

/// A secret of the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub kid: Kid,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// The secret itself.
    pub secret: [u8; 32],
    /// When it was made; the newest of a purpose is the one to use.
    pub created_at: Timestamp,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Signs access tokens.
    Access,
    /// Derives refresh tokens.
    Refresh,
    /// Seals cursors.
    Cursor,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Cursor];

    /// Returns the word that stands for it in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Cursor => "cursor",
        }
    }

    /// Reads the word; `None` if it is none.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == word)
    }
}

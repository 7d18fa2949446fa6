//! Credentials, as stored.

use std::fmt;

use crate::domain::id::UserId;

/// A password hash in PHC string format (argon2id).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string from a store or a hasher.
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

/// Data against which a login is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// User to whom the credential belongs.
    pub user_id: UserId,
    /// Hash of the password.
    pub password: PasswordHash,
}

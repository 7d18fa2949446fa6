//! The server's own secret keys.

use std::fmt;

use crate::domain::timestamp::Timestamp;

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

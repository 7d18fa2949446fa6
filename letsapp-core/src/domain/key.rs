//! Secret keys of the server, by purpose.

use std::fmt;

use crate::domain::timestamp::Timestamp;

/// Key id. Tokens and cursors are checked with the key they were made with, so keys can be rotated while older tokens
/// are still in use.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid(pub String);

/// Secret key of the server, shared by all servers of an installation through the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Key id, unique.
    pub kid: Kid,
    /// Only use of the key.
    pub purpose: KeyPurpose,
    /// Secret, 32 random bytes.
    pub secret: [u8; 32],
    /// Time of creation, set by the server's clock. The newest key of a purpose is the one in use.
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

/// Use of a key. Each purpose has its own keys, so that one that leaks affects nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Signs access tokens.
    Access,
    /// Derives refresh tokens.
    Refresh,
    /// Seals cursors.
    Cursor,
    /// Signs links to files.
    Media,
}

impl KeyPurpose {
    /// All purposes.
    pub const ALL: [Self; 4] = [Self::Access, Self::Refresh, Self::Cursor, Self::Media];

    /// Returns the word for the purpose in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Cursor => "cursor",
            Self::Media => "media",
        }
    }

    /// Parses a word returned by [`as_str`](Self::as_str); `None` for any other.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == word)
    }
}

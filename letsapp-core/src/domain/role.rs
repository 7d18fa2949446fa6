//! Roles of group members.

use serde::{Deserialize, Serialize};

/// Role of a member in a group. Both users of a direct conversation have the role `member`.
///
/// Ordered by rights: each role has all rights of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads and sends messages.
    Member,
    /// Also changes title, description and picture, adds members, removes those with the role `member`, and deletes
    /// messages of others.
    Admin,
    /// Also assigns roles, removes admins, transfers ownership and deletes the group. A group has exactly one owner.
    Owner,
}

impl Role {
    /// Returns the word for the role in JSON and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Parses a word returned by [`as_str`](Self::as_str); `None` for any other.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Member, Self::Admin, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == word)
    }
}

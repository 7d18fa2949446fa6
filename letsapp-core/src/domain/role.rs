//! The roles of a group's members.

use serde::{Deserialize, Serialize};

/// What a member may do in a group; both of a direct conversation are members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Talks.
    Member,
    /// Also adds and removes members.
    Admin,
    /// Also gives roles, and hands ownership over. A group has exactly one.
    Owner,
}

impl Role {
    /// Returns the word that stands for it on the wire and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads the word; `None` if it is none.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Member, Self::Admin, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == word)
    }
}

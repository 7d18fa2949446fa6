//! Contacts and blocks between users.

use crate::domain::id::UserId;
use crate::domain::text::{TextError, one_line, text_type};
use crate::domain::timestamp::Timestamp;

/// Name under which a user lists a contact: one line of 1–64 characters, trimmed, at least one of them visible.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::contact::Alias;
///
/// assert_eq!(Alias::parse(" Mum 💛 ")?.as_str(), "Mum 💛");
/// assert_eq!(Alias::parse("\u{200B}").unwrap_err().code(), "too_short");
/// # Ok::<(), letsapp_core::domain::text::TextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(Box<str>);

impl Alias {
    /// Maximum number of characters, the same as in a display name.
    pub const MAX: usize = 64;

    /// Parses an alias.
    ///
    /// # Errors
    ///
    /// [`TextError`] if nothing visible is left after trimming, if it is too long, or if it has control characters or
    /// line breaks.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        one_line(text.as_ref(), Self::MAX).map(|alias| Self(alias.into()))
    }
}

text_type!(Alias);

/// An entry in a user's list of contacts. The listed user is not notified of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// User to whom the list belongs.
    pub owner_id: UserId,
    /// Listed user.
    pub user_id: UserId,
    /// Name that the owner gave to the contact, visible only to the owner.
    pub alias: Option<Alias>,
    /// Time at which the contact was added, set by the server's clock.
    pub added_at: Timestamp,
}

/// A block of one user by another. The blocked user is not notified of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// User who blocks.
    pub owner_id: UserId,
    /// Blocked user.
    pub user_id: UserId,
    /// Time of the block, set by the server's clock.
    pub blocked_at: Timestamp,
}

/// A directed pair of users: the owner of a contact or block, and its subject. Says nothing about the opposite
/// direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactEdge {
    /// User who lists or blocks.
    pub owner_id: UserId,
    /// User who is listed or blocked.
    pub user_id: UserId,
}

impl ContactEdge {
    /// Returns the edge from `owner_id` to `user_id`.
    pub const fn new(owner_id: UserId, user_id: UserId) -> Self {
        Self { owner_id, user_id }
    }

    /// Returns the edge in the opposite direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::new(self.user_id, self.owner_id)
    }
}

impl Contact {
    /// Returns the edge from the owner to the listed user.
    pub const fn edge(&self) -> ContactEdge {
        ContactEdge::new(self.owner_id, self.user_id)
    }
}

impl Block {
    /// Returns the edge from the owner to the blocked user.
    pub const fn edge(&self) -> ContactEdge {
        ContactEdge::new(self.owner_id, self.user_id)
    }
}

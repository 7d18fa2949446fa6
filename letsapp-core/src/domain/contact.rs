//! What is known of how users stand to one another.

use crate::domain::id::UserId;
use crate::domain::text::{TextError, one_line, text_type};
use crate::domain::timestamp::Timestamp;

/// The name under which somebody lists a contact: one line of 1–64 characters, trimmed, of which something can be seen.
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
    /// How many characters fit: as many as in a name that people give themselves.
    pub const MAX: usize = 64;

    /// Reads an alias.
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

/// Somebody whom a user lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Whose list it is.
    pub owner_id: UserId,
    /// Who is listed; they are not told.
    pub user_id: UserId,
    /// What the owner calls them, told to nobody else.
    pub alias: Option<Alias>,
    /// Since when.
    pub added_at: Timestamp,
}

/// Somebody whom a user wants to hear nothing of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Who blocks.
    pub owner_id: UserId,
    /// Who is blocked; they are not told.
    pub user_id: UserId,
    /// Since when.
    pub blocked_at: Timestamp,
}

/// From whom to whom: that the one lists or blocks the other says nothing of the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactEdge {
    /// Who lists or blocks.
    pub owner_id: UserId,
    /// Who is listed or blocked.
    pub user_id: UserId,
}

impl ContactEdge {
    /// Names what stands from one user to another.
    pub const fn new(owner_id: UserId, user_id: UserId) -> Self {
        Self { owner_id, user_id }
    }

    /// Names the way back.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::new(self.user_id, self.owner_id)
    }
}

impl Contact {
    /// Names from whom to whom it is.
    pub const fn edge(&self) -> ContactEdge {
        ContactEdge::new(self.owner_id, self.user_id)
    }
}

impl Block {
    /// Names from whom to whom it is.
    pub const fn edge(&self) -> ContactEdge {
        ContactEdge::new(self.owner_id, self.user_id)
    }
}

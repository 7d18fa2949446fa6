//! Users, their privacy settings and profile changes.

mod names;
mod search;

pub use names::{About, DisplayName, Email, Username};
pub use search::{NamePosition, NameSearch};

use crate::domain::id::{MediaId, UserId};
use crate::domain::timestamp::Timestamp;

/// A user account.
///
/// Credentials are stored separately, see [`Credential`](crate::domain::credential::Credential), so that reading a
/// profile never reads a password hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Unique id, assigned by the server and never reused.
    pub id: UserId,
    /// Unique name to sign in with and to be found by. Never assigned to another user, even after the account is
    /// deleted.
    pub username: Username,
    /// Name shown to other users.
    pub display_name: DisplayName,
    /// Short self-description, shown to other users.
    pub about: About,
    /// Email address, visible only to the user; also accepted instead of the username when signing in.
    pub email: Option<Email>,
    /// Profile picture, as the id of an uploaded file.
    pub avatar_media_id: Option<MediaId>,
    /// Privacy settings.
    pub settings: Settings,
    /// Time of registration, set by the server's clock.
    pub created_at: Timestamp,
    /// Time of the last connection, set by the server's clock. Up to about a minute old while the user is online;
    /// `None` if the user was never connected.
    pub last_seen_at: Option<Timestamp>,
    /// Time at which the account was deleted, set by the server's clock; `None` while it exists.
    pub deleted_at: Option<Timestamp>,
}

impl User {
    /// Erases all personal data except the username, which stays reserved. The times of creation and deletion remain.
    /// Every store uses this.
    pub fn erase(&mut self, at: Timestamp) {
        ProfilePatch::blank().apply(self);
        self.last_seen_at = None;
        self.deleted_at = Some(at);
    }
}

/// Privacy settings of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Audience of the online status and the time of the last connection.
    pub last_seen: Audience,
    /// Whether other members see how far the user has read.
    pub read_receipts: bool,
    /// Users who may add the user to groups.
    pub groups: Adders,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            last_seen: Audience::Everyone,
            read_receipts: true,
            groups: Adders::Everyone,
        }
    }
}

/// Set of users who may add somebody to groups. Whoever that person blocks is never among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adders {
    /// All users.
    Everyone,
    /// Users whom the person lists as contacts.
    Contacts,
}

impl Adders {
    /// Returns the word for the set in JSON and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Contacts => "contacts",
        }
    }

    /// Parses a word returned by [`as_str`](Self::as_str); `None` for any other.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Everyone, Self::Contacts]
            .into_iter()
            .find(|adders| adders.as_str() == word)
    }
}

/// Set of users who may see something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All users.
    Everyone,
    /// Users whom the owner lists as contacts.
    Contacts,
    /// No other user.
    Nobody,
}

impl Audience {
    /// Returns the word for the audience in JSON and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Contacts => "contacts",
            Self::Nobody => "nobody",
        }
    }

    /// Parses a word returned by [`as_str`](Self::as_str); `None` for any other.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Everyone, Self::Contacts, Self::Nobody]
            .into_iter()
            .find(|audience| audience.as_str() == word)
    }
}

/// Changes to a profile. `None` leaves a field unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    /// New display name.
    pub display_name: Option<DisplayName>,
    /// New self-description.
    pub about: Option<About>,
    /// New email address; `Some(None)` removes it.
    pub email: Option<Option<Email>>,
    /// New profile picture; `Some(None)` removes it.
    pub avatar_media_id: Option<Option<MediaId>>,
    /// New audience of the online status and the time of the last connection.
    pub last_seen: Option<Audience>,
    /// Whether other members see how far the user has read.
    pub read_receipts: Option<bool>,
    /// New set of users who may add the user to groups.
    pub groups: Option<Adders>,
}

impl ProfilePatch {
    /// Returns the patch that erases a profile. The privacy settings become the strictest, so that the deletion of an
    /// account reveals nothing that was hidden before.
    pub fn blank() -> Self {
        Self {
            // Empty names are not valid input, so they are made without parsing.
            display_name: Some(DisplayName::from_stored("")),
            about: Some(About::from_stored("")),
            email: Some(None),
            avatar_media_id: Some(None),
            last_seen: Some(Audience::Nobody),
            read_receipts: Some(false),
            groups: Some(Adders::Contacts),
        }
    }

    /// Applies the changes to `user`. Every store uses this.
    pub fn apply(&self, user: &mut User) {
        if let Some(display_name) = &self.display_name {
            user.display_name = display_name.clone();
        }
        if let Some(about) = &self.about {
            user.about = about.clone();
        }
        if let Some(email) = &self.email {
            user.email = email.clone();
        }
        if let Some(avatar) = self.avatar_media_id {
            user.avatar_media_id = avatar;
        }
        if let Some(last_seen) = self.last_seen {
            user.settings.last_seen = last_seen;
        }
        if let Some(read_receipts) = self.read_receipts {
            user.settings.read_receipts = read_receipts;
        }
        if let Some(groups) = self.groups {
            user.settings.groups = groups;
        }
    }
}

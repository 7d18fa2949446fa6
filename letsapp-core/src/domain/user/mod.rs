//! What is known of a user.

mod names;

pub use names::{About, DisplayName, Email, Username};

use crate::domain::id::{MediaId, UserId};
use crate::domain::timestamp::Timestamp;

/// A person with an account. Credentials are kept apart, see [`Credential`](crate::domain::credential::Credential).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who this is, for ever.
    pub id: UserId,
    /// The name to sign in with and to be found by; never given out again.
    pub username: Username,
    /// What others are shown.
    pub display_name: DisplayName,
    /// A few words about oneself.
    pub about: About,
    /// An address, told to nobody else.
    pub email: Option<Email>,
    /// The picture.
    pub avatar_media_id: Option<MediaId>,
    /// What others may see.
    pub settings: Settings,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the user was last connected; of one who is, some moment of the last minute or so.
    pub last_seen_at: Option<Timestamp>,
    /// When the account was erased, if it was.
    pub deleted_at: Option<Timestamp>,
}

impl User {
    /// Erases what is known of the user, but for the username, which stays claimed, and when the account was made and
    /// erased; the same for every store.
    pub fn erase(&mut self, at: Timestamp) {
        ProfilePatch::blank().apply(self);
        self.last_seen_at = None;
        self.deleted_at = Some(at);
    }
}

/// A user's privacy settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who sees when the user was last connected, and whether the user is now.
    pub last_seen: Audience,
    /// Whether others are told what the user has read.
    pub read_receipts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            last_seen: Audience::Everyone,
            read_receipts: true,
        }
    }
}

/// Who may see a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever asks.
    Everyone,
    /// Those whom the user lists as contacts.
    Contacts,
    /// Nobody.
    Nobody,
}

impl Audience {
    /// Returns the word that stands for it on the wire and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Contacts => "contacts",
            Self::Nobody => "nobody",
        }
    }

    /// Reads the word; `None` if it is none.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Everyone, Self::Contacts, Self::Nobody]
            .into_iter()
            .find(|audience| audience.as_str() == word)
    }
}

/// Changes of a profile: `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    /// A new display name.
    pub display_name: Option<DisplayName>,
    /// New words about oneself.
    pub about: Option<About>,
    /// A new address; `Some(None)` takes it away.
    pub email: Option<Option<Email>>,
    /// A new picture; `Some(None)` takes it away.
    pub avatar_media_id: Option<Option<MediaId>>,
    /// A new audience of last seen and online.
    pub last_seen: Option<Audience>,
    /// Whether others are to be told what the user has read.
    pub read_receipts: Option<bool>,
}

impl ProfilePatch {
    /// Makes the patch that leaves nothing of a profile. The settings become those that show least, so that nothing
    /// comes to light that was hidden.
    pub fn blank() -> Self {
        Self {
            display_name: Some(DisplayName::from_stored("")),
            about: Some(About::from_stored("")),
            email: Some(None),
            avatar_media_id: Some(None),
            last_seen: Some(Audience::Nobody),
            read_receipts: Some(false),
        }
    }

    /// Applies the changes; the same for every store.
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
    }
}

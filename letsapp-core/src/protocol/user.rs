//! Users, as others and they themselves see them.

use serde::{Deserialize, Serialize};

use crate::domain::id::{MediaId, UserId};
use crate::domain::timestamp::Timestamp;
use crate::domain::user;

/// A user, as others see them. Of an erased account only the id is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Who this is.
    pub id: UserId,
    /// The name to be found by; null once the account is erased.
    pub username: Option<String>,
    /// What to show.
    pub display_name: String,
    /// A few words about oneself.
    pub about: String,
    /// The picture.
    pub avatar_media_id: Option<MediaId>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the user was last connected, as far as they show it.
    pub last_seen_at: Option<Timestamp>,
    /// Whether the account is erased; left out while it is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// One's own profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MyProfile {
    /// What others may see.
    #[serde(flatten)]
    pub user: User,
    /// The address, told to nobody else.
    pub email: Option<String>,
    /// Privacy settings.
    pub settings: Settings,
}

/// Privacy settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Settings {
    /// Who sees last seen and online: `everyone`, `contacts` or `nobody`.
    pub last_seen: String,
    /// Whether others are told what one has read.
    pub read_receipts: bool,
}

/// Whether somebody who is shown a user may see when they were last connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastSeen {
    /// They may.
    Shown,
    /// They may not.
    Hidden,
}

impl LastSeen {
    pub(crate) const fn shown_if(may_see: bool) -> Self {
        if may_see { Self::Shown } else { Self::Hidden }
    }
}

impl User {
    /// Shows a user to somebody who may, or may not, see when they were last connected.
    pub fn new(user: &user::User, last_seen: LastSeen) -> Self {
        let deleted = user.deleted_at.is_some();
        Self {
            id: user.id,
            username: (!deleted).then(|| user.username.to_string()),
            display_name: if deleted {
                String::new()
            } else {
                user.display_name.to_string()
            },
            about: if deleted { String::new() } else { user.about.to_string() },
            avatar_media_id: user.avatar_media_id.filter(|_| !deleted),
            created_at: user.created_at,
            last_seen_at: user.last_seen_at.filter(|_| !deleted && last_seen == LastSeen::Shown),
            deleted,
        }
    }
}

impl From<&user::User> for MyProfile {
    fn from(user: &user::User) -> Self {
        Self {
            user: User::new(user, LastSeen::Shown),
            email: user.email.as_ref().map(ToString::to_string),
            settings: Settings {
                last_seen: user.settings.last_seen.as_str().to_owned(),
                read_receipts: user.settings.read_receipts,
            },
        }
    }
}

//! Users and profiles on the wire.

use serde::{Deserialize, Serialize};

use crate::domain::id::{MediaId, UserId};
use crate::domain::timestamp::Timestamp;
use crate::domain::user;

/// A user, as others see them. Of a deleted account, only the id and the time of registration remain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Unique id.
    pub id: UserId,
    /// Unique username, by which the user can be found; null if the account is deleted.
    pub username: Option<String>,
    /// Name to show; empty if the account is deleted.
    pub display_name: String,
    /// Short self-description; may be empty.
    pub about: String,
    /// Profile picture, as the id of an uploaded file; null if none.
    pub avatar_media_id: Option<MediaId>,
    /// Time of registration, set by the server.
    pub created_at: Timestamp,
    /// Time of the last connection, set by the server; null if hidden, or if the user was never connected.
    pub last_seen_at: Option<Timestamp>,
    /// Whether the account is deleted; omitted if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// The caller's own profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MyProfile {
    /// Fields that others may see.
    #[serde(flatten)]
    pub user: User,
    /// Email address, visible only to the caller; null if none.
    pub email: Option<String>,
    /// Privacy settings.
    pub settings: Settings,
}

/// Privacy settings of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Settings {
    /// Audience of the online status and the time of the last connection: `everyone`, `contacts` or `nobody`.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::domain::user::Audience))]
    pub last_seen: String,
    /// Whether others see how far the caller has read.
    pub read_receipts: bool,
    /// Users who may add the caller to groups: `everyone` or `contacts`. Those whom the caller blocks never may.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::domain::user::Adders))]
    pub groups: String,
}

/// Visibility of a user's last connection to a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastSeen {
    /// The viewer may see it.
    Shown,
    /// The viewer may not see it.
    Hidden,
}

impl LastSeen {
    /// Converts the decision of the visibility rule.
    pub(crate) const fn shown_if(may_see: bool) -> Self {
        if may_see { Self::Shown } else { Self::Hidden }
    }
}

impl User {
    /// Converts a stored user for a viewer who may or may not see the time of the last connection.
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
                groups: user.settings.groups.as_str().to_owned(),
            },
        }
    }
}

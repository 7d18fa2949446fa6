//! Presence on the wire.

use serde::{Deserialize, Serialize};

use crate::domain::id::UserId;
use crate::domain::presence;
use crate::domain::timestamp::Timestamp;

/// The presence of one user, as far as the viewer may see it. Of a user who hides it: offline, without a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Presence {
    /// The user.
    pub user_id: UserId,
    /// Whether the user is connected.
    pub status: PresenceStatus,
    /// Time of the last connection; of a user who is online, now.
    pub last_seen_at: Option<Timestamp>,
}

/// Whether a user is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PresenceStatus {
    /// Connected on at least one device, or so until a moment ago.
    Online,
    /// Not connected.
    Offline,
}

impl Presence {
    /// Makes the presence of a user who is connected.
    pub fn online(user_id: UserId, now: Timestamp) -> Self {
        presence::Presence::online(user_id, now).into()
    }

    /// Makes the presence of a user who is not connected, and was last at `last_seen_at`.
    pub fn offline(user_id: UserId, last_seen_at: Option<Timestamp>) -> Self {
        presence::Presence::offline(user_id, last_seen_at).into()
    }
}

impl From<presence::Presence> for Presence {
    fn from(presence: presence::Presence) -> Self {
        Self {
            user_id: presence.user_id,
            status: match presence.status {
                presence::Status::Online => PresenceStatus::Online,
                presence::Status::Offline => PresenceStatus::Offline,
            },
            last_seen_at: presence.last_seen_at,
        }
    }
}

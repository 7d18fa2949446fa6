//! Presence on the wire.

use serde::{Deserialize, Serialize};

use crate::domain::id::UserId;
use crate::domain::presence;
use crate::domain::timestamp::Timestamp;

/// Presence of one user, as far as the caller may see it. Offline without a time if the user hides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Presence {
    /// User whose presence this is.
    pub user_id: UserId,
    /// Whether the user is connected.
    pub status: PresenceStatus,
    /// Time of the last connection; the current time if the user is online. Null if hidden, or if the user was never
    /// connected.
    pub last_seen_at: Option<Timestamp>,
}

/// Whether a user is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PresenceStatus {
    /// Connected with at least one device, or disconnected only a moment ago.
    Online,
    /// Not connected, or hidden.
    Offline,
}

impl Presence {
    /// Returns the presence of a connected user.
    pub fn online(user_id: UserId, now: Timestamp) -> Self {
        presence::Presence::online(user_id, now).into()
    }

    /// Returns the presence of a disconnected user who was last connected at `last_seen_at`.
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

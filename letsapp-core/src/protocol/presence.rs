//! Who is there.

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::time::Timestamp;

/// Whether a user is there, as far as the one who is told may know it. Of one who shows nothing it is as of one who was
/// never there: offline, and no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Presence {
    /// Who.
    pub user_id: UserId,
    /// Whether they are connected.
    pub status: PresenceStatus,
    /// When they last were; of one who is online, now.
    pub last_seen_at: Option<Timestamp>,
}

/// Whether somebody is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PresenceStatus {
    /// On one device at least, or they were a moment ago.
    Online,
    /// On none.
    Offline,
}

impl Presence {
    /// Says that a user is there.
    pub const fn online(user_id: UserId, now: Timestamp) -> Self {
        Self {
            user_id,
            status: PresenceStatus::Online,
            last_seen_at: Some(now),
        }
    }

    /// Says that a user is not there, and when they last were.
    pub const fn offline(user_id: UserId, last_seen_at: Option<Timestamp>) -> Self {
        Self {
            user_id,
            status: PresenceStatus::Offline,
            last_seen_at,
        }
    }
}

//! Presence: whether a user is connected, and who watches it.

mod state;
mod watchers;

pub(crate) use state::{Input, Output, State};
pub(crate) use watchers::{Cause, CheckId, Watchers, shown};

use crate::domain::conversation::MAX_MEMBERS;
use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;

/// Maximum number of users watched by one connection, those named last. Bounds the memory that one client can occupy;
/// as large as the largest group.
pub const MAX_WATCHED: usize = MAX_MEMBERS;

/// Presence of one user, as far as the viewer may see it. Offline without a time if the user hides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// User whose presence this is.
    pub user_id: UserId,
    /// Whether the user is connected.
    pub status: Status,
    /// Time of the last connection; the current time if the user is online. `None` if hidden, or if the user was never
    /// connected.
    pub last_seen_at: Option<Timestamp>,
}

/// Whether a user is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Connected with at least one device, or disconnected only within the grace period.
    Online,
    /// Not connected.
    Offline,
}

impl Presence {
    /// Returns the presence of a connected user.
    pub const fn online(user_id: UserId, now: Timestamp) -> Self {
        Self {
            user_id,
            status: Status::Online,
            last_seen_at: Some(now),
        }
    }

    /// Returns the presence of a disconnected user who was last connected at `last_seen_at`.
    pub const fn offline(user_id: UserId, last_seen_at: Option<Timestamp>) -> Self {
        Self {
            user_id,
            status: Status::Offline,
            last_seen_at,
        }
    }
}

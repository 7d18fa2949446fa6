//! Presence: whether a user is connected, and who watches it.

mod state;
mod watchers;

pub(crate) use state::{Input, Output, State};
pub(crate) use watchers::{Cause, CheckId, Watchers, shown};

use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;

/// How many users one connection watches: those that it named last.
pub const MAX_WATCHED: usize = 1_024;

/// The presence of one user, as far as the viewer may see it. Of a user who hides it: offline, without a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The user.
    pub user_id: UserId,
    /// Whether the user is connected.
    pub status: Status,
    /// Time of the last connection; of a user who is online, now.
    pub last_seen_at: Option<Timestamp>,
}

/// Whether a user is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Connected on at least one device, or so until a moment ago.
    Online,
    /// Not connected.
    Offline,
}

impl Presence {
    /// Makes the presence of a user who is connected.
    pub const fn online(user_id: UserId, now: Timestamp) -> Self {
        Self {
            user_id,
            status: Status::Online,
            last_seen_at: Some(now),
        }
    }

    /// Makes the presence of a user who is not connected, and was last at `last_seen_at`.
    pub const fn offline(user_id: UserId, last_seen_at: Option<Timestamp>) -> Self {
        Self {
            user_id,
            status: Status::Offline,
            last_seen_at,
        }
    }
}

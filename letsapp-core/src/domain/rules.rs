//! What may differ from one installation to another.

use std::time::Duration;

/// What may differ from one installation to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long an access token is good.
    pub access_ttl: Duration,
    /// How long a session lasts without being refreshed.
    pub refresh_ttl: Duration,
    /// How long a message can be edited.
    pub edit_window: Duration,
    /// How long after the last connection is gone a user is offline.
    pub presence_grace: Duration,
    /// How long somebody types without saying so again.
    pub typing_timeout: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(15 * 60),
            refresh_ttl: Duration::from_secs(30 * 24 * 60 * 60),
            edit_window: Duration::from_secs(15 * 60),
            presence_grace: Duration::from_secs(10),
            typing_timeout: Duration::from_secs(6),
        }
    }
}

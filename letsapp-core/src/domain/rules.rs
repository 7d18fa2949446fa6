//! Durations and sizes that an installation can configure.

use std::time::Duration;

/// Durations and sizes that an installation can configure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Lifetime of an access token; 15 minutes by default. Short, since a token in use is not checked against the store
    /// each time.
    pub access_ttl: Duration,
    /// Lifetime of a session without a refresh; 30 days by default.
    pub refresh_ttl: Duration,
    /// Time after sending within which a message can be edited; 15 minutes by default.
    pub edit_window: Duration,
    /// Time from the close of a user's last connection until the user is shown as offline; 10 s by default. Hides short
    /// interruptions.
    pub presence_grace: Duration,
    /// Time after which a typing indicator expires unless the client repeats it; 6 s by default. Not to be confused
    /// with the minimum interval between notifications, see [`typing`](crate::domain::typing).
    pub typing_timeout: Duration,
    /// Time that a store may spend on a search; 2 s by default: long enough for what an index can answer, and short
    /// enough that a person is still waiting for it.
    pub search_budget: Duration,
    /// Maximum size of an uploaded file in bytes; 64 MiB by default.
    pub media_file_bytes: u64,
    /// Maximum size of all files of a user in bytes, with what has arrived of unfinished uploads; 2 GiB by default. Bytes
    /// that are announced and don't arrive don't count, so that uploads given up by a client take no room.
    pub media_quota: u64,
    /// Maximum number of files of a user; 10,000 by default.
    pub media_files: u64,
    /// Maximum number of unfinished resumable uploads of a user; 64 by default.
    pub media_uploads: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(15 * 60),
            refresh_ttl: Duration::from_secs(30 * 24 * 60 * 60),
            edit_window: Duration::from_secs(15 * 60),
            presence_grace: Duration::from_secs(10),
            typing_timeout: Duration::from_secs(6),
            search_budget: Duration::from_secs(2),
            media_file_bytes: 64 << 20,
            media_quota: 2 << 30,
            media_files: 10_000,
            media_uploads: 64,
        }
    }
}

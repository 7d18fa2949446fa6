//! The users who are connected to this server.

use crate::domain::id::UserId;

/// Knows the users of this server's connections. Others learn of events by sync, so work for their events alone is left
/// undone.
pub(crate) trait Connections: Send + Sync {
    /// Returns those of the users who have a connection to this server, in the same order.
    fn connected(&self, user_ids: &[UserId]) -> Vec<UserId>;
}

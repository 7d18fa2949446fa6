//! The users who are connected, to this server or to any.

use async_trait::async_trait;

use crate::domain::id::UserId;

/// Knows the users who have a connection. Others learn of events by sync, so work for their events alone is left undone.
#[async_trait]
pub(crate) trait Connections: Send + Sync {
    /// Returns those of the users who have a connection to this server, in the same order.
    fn local(&self, user_ids: &[UserId]) -> Vec<UserId>;

    /// Returns those of the users who have a connection to any server, in the same order.
    async fn anywhere(&self, user_ids: &[UserId]) -> Vec<UserId>;

    /// Waits until other servers find a user who is connected to this one. The caller limits the time.
    async fn findable(&self, user_id: UserId);
}

//! The stores and parts that turns work with.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::commit::publish::Publisher;
use crate::engine::media::{FileAccess, References};
use crate::engine::rosters::Rosters;
use crate::ports::{ConversationRepository, MessageRepository, RepositoryError};

/// The stores and parts that all turns share.
pub(super) struct CommitContext {
    pub(super) messages: Arc<dyn MessageRepository>,
    pub(super) conversations: Arc<dyn ConversationRepository>,
    pub(super) rosters: Arc<Rosters>,
    pub(super) publisher: Publisher,
    pub(super) references: References,
    pub(super) access: FileAccess,
    /// Time after sending in which a message can be edited.
    pub(super) edit_window: Duration,
    /// True if other servers write to the same store.
    pub(super) shared: bool,
}

/// Copies an error, because several submissions wait for one step.
pub(super) fn copy(error: &RepositoryError) -> RepositoryError {
    match error {
        RepositoryError::Unavailable(cause) => RepositoryError::unavailable(cause.to_string()),
        RepositoryError::Internal(cause) => RepositoryError::internal(cause.to_string()),
    }
}

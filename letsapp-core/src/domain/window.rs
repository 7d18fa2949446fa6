//! Ranges of messages: what a member may read, and what is counted.

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConversationId, Seq};

/// A stretch of messages that a member may read, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first, telling of their joining; 1 in a direct conversation.
    pub from: Seq,
    /// The last, telling of their leaving; `None` while they are in.
    pub to: Option<Seq>,
}

impl Window {
    /// Everything, for the two of a direct conversation.
    pub const WHOLE: Self = Self { from: Seq(1), to: None };

    /// Tells whether `seq` lies in it.
    pub fn contains(&self, seq: Seq) -> bool {
        self.from <= seq && self.to.is_none_or(|to| seq <= to)
    }
}

/// A stretch of a conversation's messages, the first end excluded, the last included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Of which conversation.
    pub conversation_id: ConversationId,
    /// What comes before the first.
    pub after: Seq,
    /// The last; never past the head.
    pub through: Seq,
}

//! Ranges of messages: windows that a member may read, and spans in which messages are counted.

use crate::domain::id::{ConversationId, Seq};

/// Range of messages that a member may read, both ends included. A member who leaves and is added again has one window
/// for each stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First message: the system message that reports the member's joining; 1 in a direct conversation.
    pub from: Seq,
    /// Last message: the system message that reports the member's leaving; `None` while the user is a member.
    pub to: Option<Seq>,
}

impl Window {
    /// Window over all messages, for the users of a direct conversation.
    pub const WHOLE: Self = Self { from: Seq(1), to: None };

    /// Reports whether `seq` is within the window.
    pub fn contains(&self, seq: Seq) -> bool {
        self.from <= seq && self.to.is_none_or(|to| seq <= to)
    }
}

/// Range of messages of a conversation, excluding the lower end and including the upper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Conversation to which the messages belong.
    pub conversation_id: ConversationId,
    /// Seq of the message before the first.
    pub after: Seq,
    /// Seq of the last message; never greater than the head.
    pub through: Seq,
}

//! References to uploaded files, which keep their bytes.

use crate::domain::id::{ConversationId, MediaId, MessageId, UserId};
use crate::domain::timestamp::Timestamp;

/// Reference to an uploaded file. It keeps the file's bytes, and grants nobody anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaRef {
    /// File referred to.
    pub media_id: MediaId,
    /// Thing that shows the file.
    pub holder: Holder,
    /// Time of the last attempt to make the holder refer to the file, set by the server's clock. A reference whose
    /// holder does not show the file long after is left over from an attempt that failed.
    pub at: Timestamp,
}

/// Thing that shows an uploaded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// Message that carries the file.
    Message {
        /// Conversation of the message.
        conversation_id: ConversationId,
        /// Id of the message.
        message_id: MessageId,
    },
    /// Profile of a user whose picture the file is.
    Profile(UserId),
    /// Group whose picture the file is.
    Group(ConversationId),
}

impl Holder {
    /// Returns the conversation of the message or the group; `None` for a profile.
    pub const fn conversation_id(&self) -> Option<ConversationId> {
        match self {
            Self::Message { conversation_id, .. } | Self::Group(conversation_id) => Some(*conversation_id),
            Self::Profile(_) => None,
        }
    }
}

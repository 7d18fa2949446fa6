//! Events: what the server tells without being asked.

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConnectionId, ConversationId, Rev, SessionId, UserId};
use crate::domain::timestamp::Timestamp;
use crate::protocol::conversation::{Conversation, Receipt};
use crate::protocol::message::Message;
use crate::protocol::presence::Presence;

/// Something that happened, as a frame carries it: `{"event": "message.created", "data": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "event", content = "data")]
pub enum Event {
    /// The first frame of a socket.
    #[serde(rename = "hello")]
    Hello(Hello),
    /// There is a new message.
    #[serde(rename = "message.created")]
    MessageCreated(Message),
    /// A message was edited, deleted or reacted to.
    #[serde(rename = "message.updated")]
    MessageUpdated(Message),
    /// Somebody received or read more.
    #[serde(rename = "receipt.updated")]
    ReceiptUpdated {
        /// In which conversation.
        conversation_id: ConversationId,
        /// Who, and how far.
        items: Vec<Receipt>,
    },
    /// One is in a new conversation.
    #[serde(rename = "conversation.created")]
    ConversationCreated(Box<Conversation>),
    /// A conversation, or one's own part in it, is not what it was.
    #[serde(rename = "conversation.updated")]
    ConversationUpdated(Box<Conversation>),
    /// One is out of a conversation.
    #[serde(rename = "conversation.removed")]
    ConversationRemoved {
        /// Of which.
        id: ConversationId,
    },
    /// Something changed that one may not see; its number, so that no hole is left.
    #[serde(rename = "conversation.rev")]
    ConversationRev {
        /// In which conversation.
        conversation_id: ConversationId,
        /// The number of the change.
        rev: Rev,
    },
    /// Somebody begins to type, still types, or has stopped; a new message of theirs says that they have, too. It ends
    /// six seconds after it was last said.
    #[serde(rename = "typing")]
    Typing {
        /// In which conversation.
        conversation_id: ConversationId,
        /// Who.
        user_id: UserId,
        /// Whether they type.
        typing: bool,
    },
    /// Somebody comes, goes, or shows of it what they did not before, or no more what they did.
    #[serde(rename = "presence")]
    Presence(Presence),
    /// Events may have been missed: sync now.
    #[serde(rename = "resync")]
    Resync {},
    /// The session is over.
    #[serde(rename = "session.revoked")]
    SessionRevoked {
        /// Why, as a machine word.
        reason: String,
    },
}

/// What a socket is told first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hello {
    /// This socket's alone.
    pub connection_id: ConnectionId,
    /// The session that it belongs to.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The server's time.
    pub server_time: Timestamp,
    /// How often the server pings.
    pub heartbeat_ms: u64,
    /// The longest frame that is taken.
    pub max_frame_bytes: usize,
}

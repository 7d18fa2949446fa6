//! Events: notifications from the server over the socket.

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConnectionId, ConversationId, Epoch, Rev, SessionId, UserId};
use crate::domain::timestamp::Timestamp;
use crate::protocol::conversation::{Conversation, Receipt};
use crate::protocol::media::Media;
use crate::protocol::message::Message;
use crate::protocol::presence::Presence;

/// An event, as sent in a frame: `{"event": "message.created", "data": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "event", content = "data")]
pub enum Event {
    /// First frame of each socket.
    #[serde(rename = "hello")]
    Hello(Hello),
    /// A new message.
    #[serde(rename = "message.created")]
    MessageCreated(Message),
    /// A message was edited, deleted or reacted to. Carries its new state.
    #[serde(rename = "message.updated")]
    MessageUpdated(Message),
    /// Members received or read more messages.
    #[serde(rename = "receipt.updated")]
    ReceiptUpdated {
        /// Conversation in which messages were received or read.
        conversation_id: ConversationId,
        /// New watermarks of each of these members.
        items: Vec<Receipt>,
    },
    /// The user is in a new conversation, or was added to a group.
    #[serde(rename = "conversation.created")]
    ConversationCreated(Box<Conversation>),
    /// A conversation, or the user's own part in it, changed. Carries its new state.
    #[serde(rename = "conversation.updated")]
    ConversationUpdated(Box<Conversation>),
    /// The user has left a conversation or was removed from it, its owner has deleted it, or the user has removed one
    /// that they had left from their list.
    #[serde(rename = "conversation.removed")]
    ConversationRemoved {
        /// Conversation that ended for the user.
        id: ConversationId,
    },
    /// A change that the user may not see. Carries only its number, so that the client's sequence of changes has no
    /// gap.
    #[serde(rename = "conversation.rev")]
    ConversationRev {
        /// Conversation that changed.
        conversation_id: ConversationId,
        /// Number of the change.
        rev: Rev,
    },
    /// A member started, continued or stopped typing. A new message from the member means that they stopped, too.
    ///
    /// While a member types, the event is repeated every three seconds at most; clients hide the indicator six seconds
    /// after the last one.
    #[serde(rename = "typing")]
    Typing {
        /// Conversation in which the member types.
        conversation_id: ConversationId,
        /// Member who types or stopped.
        user_id: UserId,
        /// Whether the member is typing.
        typing: bool,
    },
    /// The presence of a watched user changed, or its visibility to this user.
    #[serde(rename = "presence")]
    Presence(Presence),
    /// The preview and the other facts of a file are there.
    #[serde(rename = "media.ready")]
    MediaReady(Box<Media>),
    /// Events may have been lost: the client should sync now.
    #[serde(rename = "resync")]
    Resync {},
    /// The session has ended. The server closes the socket.
    #[serde(rename = "session.revoked")]
    SessionRevoked {
        /// Reason as a machine-readable word, such as `logged_out`.
        reason: String,
    },
}

/// Data of the first frame of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hello {
    /// Id of this connection.
    pub connection_id: ConnectionId,
    /// Session to which the connection belongs.
    pub session_id: SessionId,
    /// User who is signed in.
    pub user_id: UserId,
    /// Current time of the server's clock.
    pub server_time: Timestamp,
    /// Epoch of the store, opaque. Another one than before means that the store was restored: the client forgets its
    /// positions and asks for everything anew.
    pub epoch: Epoch,
    /// Interval between two pings of the server, in milliseconds.
    pub heartbeat_ms: u64,
    /// Maximum size of a frame that the server accepts, in bytes.
    pub max_frame_bytes: usize,
}

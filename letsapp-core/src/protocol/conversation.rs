//! Conversations, members and receipts on the wire.

use serde::{Deserialize, Serialize};

use crate::domain::conversation::Kind;
use crate::domain::id::{ConversationId, MediaId, Rev, Seq, UserId};
use crate::domain::member;
use crate::domain::role::Role;
use crate::domain::timestamp::Timestamp;
use crate::protocol::message::Message;
use crate::protocol::user::User;

/// A conversation, as one of its members sees it. A former member sees it as it was when they left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Conversation {
    /// Unique id.
    pub id: ConversationId,
    /// Direct conversation or group.
    pub kind: Kind,
    /// Title of a group; null in a direct conversation.
    pub title: Option<String>,
    /// Description of a group; empty in a direct conversation.
    pub about: String,
    /// Picture of a group, as the id of an uploaded file; null if none.
    pub avatar_media_id: Option<MediaId>,
    /// User who created the conversation.
    pub created_by: UserId,
    /// Time of creation, set by the server.
    pub created_at: Timestamp,
    /// Number of current members; of a conversation that the caller has left, the number of those who stayed.
    pub member_count: usize,
    /// Newest message and change.
    pub head: ConversationHead,
    /// The caller's membership, unread count and preferences.
    pub me: Me,
    /// The other user; only in a direct conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<User>,
    /// Highest messages that the other user has received and read, as far as that user's settings show it; only in a
    /// direct conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_receipt: Option<Watermarks>,
}

/// Newest message and change of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationHead {
    /// Seq of the newest message; 0 if there are none.
    pub seq: Seq,
    /// Number of the newest change; 0 if there are none.
    pub rev: Rev,
    /// Newest message; null if there are none.
    pub last_message: Option<Message>,
}

/// The caller's part in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// Role of the caller; `member` in a direct conversation.
    pub role: Role,
    /// Time at which the caller last joined, set by the server.
    pub joined_at: Timestamp,
    /// Time at which the caller left or was removed, set by the server; null while the caller is a member.
    pub left_at: Option<Timestamp>,
    /// Seq up to which the caller has read all messages; 0 if none.
    pub read_seq: Seq,
    /// Seq up to which all messages have reached one of the caller's devices; never less than `read_seq`.
    pub delivered_seq: Seq,
    /// Number of unread messages from other users, without system messages.
    pub unread: u64,
    /// End of the time without notifications, set by the caller; null if not muted.
    pub muted_until: Option<Timestamp>,
    /// Whether the caller archived the conversation.
    pub archived: bool,
    /// Whether the caller pinned the conversation to the top of the list.
    pub pinned: bool,
}

/// A member of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// User who is a member.
    pub user: User,
    /// Role of the member; `member` in a direct conversation.
    pub role: Role,
    /// Time at which the member last joined, set by the server.
    pub joined_at: Timestamp,
}

/// Highest messages that a member has received and read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// Member to whom the receipt belongs.
    pub user_id: UserId,
    /// Highest messages received and read.
    #[serde(flatten)]
    pub watermarks: Watermarks,
}

/// Highest messages that a user has received and read. Both only increase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Watermarks {
    /// Seq up to which all messages have reached one of the user's devices; 0 if none.
    pub delivered_seq: Seq,
    /// Seq up to which the user has read all messages; 0 if none. Never greater than `delivered_seq`.
    pub read_seq: Seq,
}

impl From<member::Watermarks> for Watermarks {
    fn from(watermarks: member::Watermarks) -> Self {
        Self {
            delivered_seq: watermarks.delivered,
            read_seq: watermarks.read,
        }
    }
}

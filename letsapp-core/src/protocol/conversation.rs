//! Conversations, as a member sees them.

use serde::{Deserialize, Serialize};

use crate::domain::conversation::Kind;
use crate::domain::id::{ConversationId, MediaId, Rev, Seq, UserId};
use crate::domain::member;
use crate::domain::role::Role;
use crate::domain::timestamp::Timestamp;
use crate::protocol::message::Message;
use crate::protocol::user::User;

/// A conversation, as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Conversation {
    /// Which one.
    pub id: ConversationId,
    /// Between two, or a group.
    pub kind: Kind,
    /// A group's title.
    pub title: Option<String>,
    /// A group's description.
    pub about: String,
    /// A group's picture.
    pub avatar_media_id: Option<MediaId>,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// How many are in.
    pub member_count: usize,
    /// Where it stands.
    pub head: ConversationHead,
    /// One's own part in it.
    pub me: Me,
    /// The other one of a direct conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<User>,
    /// How far the other one has received and read, as far as they show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_receipt: Option<Watermarks>,
}

/// Where a conversation stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationHead {
    /// The newest message; 0 while there is none.
    pub seq: Seq,
    /// The newest change; 0 while there is none.
    pub rev: Rev,
    /// The newest message itself.
    pub last_message: Option<Message>,
}

/// One's own part in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// What one may do.
    pub role: Role,
    /// Since when one is in.
    pub joined_at: Timestamp,
    /// How far one has read.
    pub read_seq: Seq,
    /// How far one has received.
    pub delivered_seq: Seq,
    /// How many messages of others one has not read.
    pub unread: u64,
    /// No notifications until then.
    pub muted_until: Option<Timestamp>,
    /// Whether it is put away.
    pub archived: bool,
    /// Whether it is kept on top.
    pub pinned: bool,
}

/// A member of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// Who.
    pub user: User,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}

/// How far a member has received and read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// Who.
    pub user_id: UserId,
    /// How far.
    #[serde(flatten)]
    pub watermarks: Watermarks,
}

/// How far somebody has received and read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Watermarks {
    /// Received up to here.
    pub delivered_seq: Seq,
    /// Read up to here.
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

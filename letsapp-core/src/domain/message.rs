//! Messages, as they are kept.

use crate::domain::emoji::Emoji;
use crate::domain::id::{CallId, ConversationId, MediaId, MessageId, Rev, Seq, UserId};
use crate::domain::media::Attachment;
use crate::domain::role::Role;
use crate::domain::timestamp::Timestamp;

/// A message in its present state. Deleting one leaves a tombstone; none is ever removed while its conversation lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// The sender's name for it, unique in its conversation.
    pub id: MessageId,
    /// Its place in the conversation.
    pub seq: Seq,
    /// The conversation's change number at its last change.
    pub rev: Rev,
    /// How many messages of users there are up to this one, itself included if it is one.
    pub ordinal: u64,
    /// Who sent it; of a system message, who did it.
    pub sender_id: UserId,
    /// What it says.
    pub content: Content,
    /// The message that it answers.
    pub reply_to: Option<Seq>,
    /// Whether it was passed on from elsewhere.
    pub forwarded: bool,
    /// The members that it names, sorted.
    pub mentions: Vec<UserId>,
    /// The files that it carries.
    pub attachments: Vec<Attachment>,
    /// Who reacted how, the oldest reaction first; at most one of each user.
    pub reactions: Vec<Reaction>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// The request that made it, to tell a retry from another request with the same id.
    pub fingerprint: Fingerprint,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A user's words; empty once it is deleted.
    Text(String),
    /// What happened to the conversation.
    System(SystemEvent),
}

/// What a system message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemEvent {
    /// The group was made, with these members.
    GroupCreated {
        /// All of them, the owner included.
        user_ids: Vec<UserId>,
    },
    /// The title is another.
    TitleChanged {
        /// The new one.
        title: String,
    },
    /// The description is another.
    AboutChanged {
        /// The new one.
        about: String,
    },
    /// The picture is another, or gone.
    PictureChanged {
        /// The new one.
        avatar_media_id: Option<MediaId>,
    },
    /// These came in.
    MembersAdded {
        /// The new ones.
        user_ids: Vec<UserId>,
    },
    /// This one was removed.
    MemberRemoved {
        /// Who.
        user_id: UserId,
    },
    /// This one left.
    MemberLeft {
        /// Who.
        user_id: UserId,
    },
    /// This one has another role.
    RoleChanged {
        /// Who.
        user_id: UserId,
        /// Which.
        role: Role,
    },
    /// The group was deleted: the end of its order, which nobody reads any more.
    GroupDeleted,
    /// A call ended.
    Call {
        /// Which call.
        call_id: CallId,
        /// `audio` or `video`.
        media: String,
        /// How it ended.
        outcome: String,
        /// How long it was active.
        duration_ms: u64,
    },
}

/// One user's reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub emoji: Emoji,
}

/// SHA-256 over a parsed request, with the version of the way it was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// How the hash was computed.
    pub version: u8,
    /// The hash.
    pub hash: [u8; 32],
}

impl Fingerprint {
    /// Of messages that no request made: their ids alone tell them apart.
    pub const SYSTEM: Self = Self {
        version: 0,
        hash: [0; 32],
    };
}

/// Where a change landed: what a store assigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The message's place.
    pub seq: Seq,
    /// The change's number.
    pub rev: Rev,
    /// How many messages of users there are up to the message.
    pub ordinal: u64,
}

impl Message {
    /// Tells whether a user wrote it.
    pub const fn is_from_user(&self) -> bool {
        matches!(self.content, Content::Text(_))
    }

    /// Returns a user's words; empty for a system message.
    pub fn body(&self) -> &str {
        match &self.content {
            Content::Text(body) => body,
            Content::System(_) => "",
        }
    }

    /// Puts a message that has just been stored where the store put it.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.seq = position.seq;
        self.rev = position.rev;
        self.ordinal = position.ordinal;
        self
    }
}

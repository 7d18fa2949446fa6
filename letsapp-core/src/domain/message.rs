//! Messages, as stored.

use crate::domain::emoji::Emoji;
use crate::domain::id::{CallId, ConversationId, MediaId, MessageId, Rev, Seq, UserId};
use crate::domain::media::Attachment;
use crate::domain::role::Role;
use crate::domain::timestamp::Timestamp;

/// A message in its current state.
///
/// A deleted message remains as a tombstone, without content, so that positions have no gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Conversation to which the message belongs.
    pub conversation_id: ConversationId,
    /// Id chosen by the sender or the server, unique within the conversation.
    pub id: MessageId,
    /// Position in the conversation, assigned by the store.
    pub seq: Seq,
    /// Rev of the last change to this message, assigned by the store.
    pub rev: Rev,
    /// Number of messages from users up to this one, itself included if it is from a user. The difference of two
    /// ordinals counts the messages between them without system messages, which is how unread messages are counted.
    pub ordinal: u64,
    /// User who sent the message; of a system message, the user whose action it reports.
    pub sender_id: UserId,
    /// Text or system event.
    pub content: Content,
    /// Seq of the message that this one answers, in the same conversation.
    pub reply_to: Option<Seq>,
    /// Whether the sender marked the message as forwarded.
    pub forwarded: bool,
    /// Mentioned members, sorted by user id.
    pub mentions: Vec<UserId>,
    /// Attached files, in the sender's order.
    pub attachments: Vec<Attachment>,
    /// Reactions, oldest first; at most one per user.
    pub reactions: Vec<Reaction>,
    /// Time at which the server accepted the message, set by the server's clock.
    pub sent_at: Timestamp,
    /// Time of the last edit, set by the server's clock; `None` if never edited.
    pub edited_at: Option<Timestamp>,
    /// Time of deletion, set by the server's clock; `None` unless deleted.
    pub deleted_at: Option<Timestamp>,
    /// Hash of the request that sent the message. Distinguishes a retry from a different request with the same id.
    pub fingerprint: Fingerprint,
}

/// Content of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text from a user; empty after deletion.
    Text(String),
    /// Change to the conversation, reported by a system message.
    System(SystemEvent),
}

/// Change to a conversation, or a call in it, reported by a system message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemEvent {
    /// The group was created.
    GroupCreated {
        /// Initial members, including the owner.
        user_ids: Vec<UserId>,
    },
    /// The title changed.
    TitleChanged {
        /// New title.
        title: String,
    },
    /// The description changed.
    AboutChanged {
        /// New description.
        about: String,
    },
    /// The picture changed or was removed.
    PictureChanged {
        /// New picture; `None` if removed.
        avatar_media_id: Option<MediaId>,
    },
    /// Members were added.
    MembersAdded {
        /// Added users.
        user_ids: Vec<UserId>,
    },
    /// A member was removed by another.
    MemberRemoved {
        /// Removed user.
        user_id: UserId,
    },
    /// A member left.
    MemberLeft {
        /// User who left.
        user_id: UserId,
    },
    /// The role of a member changed.
    RoleChanged {
        /// Member whose role changed.
        user_id: UserId,
        /// New role.
        role: Role,
    },
    /// The group was deleted. Last message of the conversation; no member can read it.
    GroupDeleted,
    /// A call ended.
    Call {
        /// Id of the call.
        call_id: CallId,
        /// Kind of call: `audio` or `video`.
        media: String,
        /// Outcome of the call, as a word.
        outcome: String,
        /// Time for which the call was active, in milliseconds.
        duration_ms: u64,
    },
}

/// Reaction of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// User who reacted.
    pub user_id: UserId,
    /// Emoji, as sent.
    pub emoji: Emoji,
}

/// SHA-256 of a parsed request, with the version of the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// Version of the algorithm; hashes of different versions cannot be compared.
    pub version: u8,
    /// SHA-256 hash.
    pub hash: [u8; 32],
}

impl Fingerprint {
    /// Fingerprint of a message that no client sent. The id alone identifies a retry.
    pub const SYSTEM: Self = Self {
        version: 0,
        hash: [0; 32],
    };
}

/// Numbers and time that a store assigns to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Position of the message in the conversation.
    pub seq: Seq,
    /// Number of the change.
    pub rev: Rev,
    /// Number of messages from users up to the message.
    pub ordinal: u64,
    /// Time of the message: the one that it was offered with or, if that is later, the one of the message before it.
    pub sent_at: Timestamp,
}

impl SystemEvent {
    /// Reports whether a system message about the event becomes the fence of its conversation. A call changes neither
    /// members nor roles, so that decisions made before it remain valid.
    pub const fn moves_fence(&self) -> bool {
        match self {
            Self::GroupCreated { .. }
            | Self::TitleChanged { .. }
            | Self::AboutChanged { .. }
            | Self::PictureChanged { .. }
            | Self::MembersAdded { .. }
            | Self::MemberRemoved { .. }
            | Self::MemberLeft { .. }
            | Self::RoleChanged { .. }
            | Self::GroupDeleted => true,
            Self::Call { .. } => false,
        }
    }
}

impl Message {
    /// Reports whether a user wrote the message, whatever its content; false for a system message.
    pub const fn is_from_user(&self) -> bool {
        !matches!(self.content, Content::System(_))
    }

    /// Reports whether the message becomes the fence of its conversation: a system message about anything but a call.
    pub const fn moves_fence(&self) -> bool {
        match &self.content {
            Content::System(event) => event.moves_fence(),
            Content::Text(_) => false,
        }
    }

    /// Reports whether the message carries a file.
    pub fn carries(&self, media_id: MediaId) -> bool {
        self.attachments.iter().any(|attachment| attachment.id == media_id)
    }

    /// Returns the text; empty for a system message.
    pub fn body(&self) -> &str {
        match &self.content {
            Content::Text(body) => body,
            Content::System(_) => "",
        }
    }

    /// Returns the numbers that the store assigned to the message and its last change.
    pub const fn position(&self) -> Position {
        Position {
            seq: self.seq,
            rev: self.rev,
            ordinal: self.ordinal,
            sent_at: self.sent_at,
        }
    }

    /// Returns the message with the numbers and the time that the store assigned to it.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.seq = position.seq;
        self.rev = position.rev;
        self.ordinal = position.ordinal;
        self.sent_at = position.sent_at;
        self
    }
}

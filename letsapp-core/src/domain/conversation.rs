//! Conversations, their heads and their rosters.

use serde::{Deserialize, Serialize};

use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, MediaId, Rev, Seq, UserId};
use crate::domain::member::Member;
use crate::domain::message::{Message, Position};
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;

/// Two users of a direct conversation, the lower id first; see [`Conversation::pair_of`].
pub type Pair = (UserId, UserId);

/// Maximum number of members in a group. Bounds the size of a roster, which is read and kept in memory as a whole.
pub const MAX_MEMBERS: usize = 1_024;

/// A conversation as stored.
///
/// The head (the highest seq, rev and ordinal) is not part of it: stores derive the head from the messages, so that the
/// two cannot disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Unique id: random in a direct conversation, so that nobody can compute it; chosen by the client or the server in a
    /// group.
    pub id: ConversationId,
    /// Direct conversation or group; never changes.
    pub kind: Kind,
    /// Title of a group; `None` in a direct conversation and in a deleted group.
    pub title: Option<Title>,
    /// Description of a group; empty in a direct conversation.
    pub about: About,
    /// Picture of a group, as the id of an uploaded file.
    pub avatar_media_id: Option<MediaId>,
    /// User who created the conversation.
    pub created_by: UserId,
    /// Time of creation, set by the server's clock.
    pub created_at: Timestamp,
    /// Both users of a direct conversation, the lower id first; `None` in a group.
    pub pair: Option<Pair>,
    /// SHA-256 of the request that created a group. Distinguishes a retry of that request from a different request with
    /// the same id. `None` in a direct conversation.
    pub fingerprint: Option<[u8; 32]>,
    /// Time of deletion, set by the server's clock; `None` while the conversation exists. The record of a deleted group
    /// remains, visible to no user, so that its id is never assigned again.
    pub deleted_at: Option<Timestamp>,
}

impl Conversation {
    /// Returns two users as the pair of a direct conversation: the same in either order.
    pub fn pair_of(a: UserId, b: UserId) -> Pair {
        (a.min(b), a.max(b))
    }

    /// Returns the other user of a direct conversation; `None` in a group.
    pub fn peer_of(&self, user_id: UserId) -> Option<UserId> {
        let (a, b) = self.pair?;
        Some(if a == user_id { b } else { a })
    }

    /// Returns the state that a member who leaves with the message at `position` continues to see; `remaining` members
    /// stay. Every store uses this.
    pub fn departure(&self, position: Position, remaining: usize) -> Departure {
        Departure {
            at: position.sent_at,
            seq: position.seq,
            rev: position.rev,
            title: self.title.clone(),
            about: self.about.clone(),
            avatar_media_id: self.avatar_media_id,
            member_count: remaining,
            listed: true,
        }
    }

    /// Returns the record that remains after deletion: without title, description and picture, but with the
    /// fingerprint, so that a retry of the request that created the group is still recognised.
    #[must_use]
    pub fn deleted(&self, at: Timestamp) -> Self {
        Self {
            title: None,
            about: About::default(),
            avatar_media_id: None,
            deleted_at: Some(at),
            ..self.clone()
        }
    }
}

/// Kind of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Conversation between two users. Each pair of users has exactly one.
    Direct,
    /// Conversation of up to 1,024 members, each with a role.
    Group,
}

impl Kind {
    /// Returns the word for the kind in JSON and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
        }
    }

    /// Parses a word returned by [`as_str`](Self::as_str); `None` for any other.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Direct, Self::Group]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Highest numbers assigned in a conversation. All are zero while it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Seq of the newest message.
    pub seq: Seq,
    /// Rev of the newest change: a new message, an edit, a deletion or a reaction.
    pub rev: Rev,
    /// Number of messages from users, without system messages.
    pub ordinal: u64,
    /// Seq of the newest system message about anything but a call. Members and roles change only with such a message,
    /// so a decision based on a roster read at this fence is valid for as long as the fence has not moved.
    pub fence: Seq,
    /// Time of the newest message. No later message is dated before it.
    pub sent_at: Timestamp,
}

impl Head {
    /// Returns the head after a new message is appended. Every store uses this, so that all of them assign the same
    /// numbers, and date no message before the one that precedes it: the clocks of several servers differ, and a clock
    /// may have been set back since the last start.
    #[must_use]
    pub fn after(self, message: &Message) -> Self {
        let seq = self.seq.next();
        Self {
            seq,
            rev: self.rev.next(),
            ordinal: self.ordinal + u64::from(message.is_from_user()),
            fence: if message.moves_fence() { seq } else { self.fence },
            sent_at: self.sent_at.max(message.sent_at),
        }
    }

    /// Returns the head as a former member sees it, who left with this departure: nothing later concerns them, not even
    /// that there was something.
    #[must_use]
    pub fn until(self, departure: &Departure) -> Self {
        Self {
            seq: departure.seq,
            rev: departure.rev,
            ..self
        }
    }

    /// Returns the position of the message whose append resulted in this head.
    pub const fn position(self) -> Position {
        Position {
            seq: self.seq,
            rev: self.rev,
            ordinal: self.ordinal,
            sent_at: self.sent_at,
        }
    }
}

/// A conversation with its current members, and the fence at which they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Conversation to which the members belong.
    pub conversation: Conversation,
    /// Current members, in order of joining, then of user id.
    pub members: Vec<Member>,
    /// Seq of the newest system message about anything but a call, at the time of reading. Never newer than the members: a store commits a change
    /// decided from this roster only if the conversation's fence is still the same.
    pub fence: Seq,
}

impl Roster {
    /// Returns the record of a current member; `None` for every other user.
    pub fn member(&self, user_id: UserId) -> Option<&Member> {
        self.members.iter().find(|member| member.user_id == user_id)
    }

    /// Returns the other user of a direct conversation; `None` in a group.
    pub fn peer(&self, user_id: UserId) -> Option<UserId> {
        self.conversation.peer_of(user_id)
    }
}

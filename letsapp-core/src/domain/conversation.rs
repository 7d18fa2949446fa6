//! Conversations as they are kept, and where they stand.

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConversationId, MediaId, Rev, Seq, UserId};
use crate::domain::member::Member;
use crate::domain::message::{Message, Position};
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;

/// The most members that a group holds.
pub const MAX_MEMBERS: usize = 1_024;

/// A conversation. Its head is derived from its messages and stored nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Which one.
    pub id: ConversationId,
    /// Between two, or a group.
    pub kind: Kind,
    /// A group's title.
    pub title: Option<Title>,
    /// A group's description.
    pub about: About,
    /// A group's picture.
    pub avatar_media_id: Option<MediaId>,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// The two of a direct conversation, the lower id first.
    pub pair: Option<(UserId, UserId)>,
    /// SHA-256 over the request that made a group, so that a retry can be told from another request with its id.
    pub fingerprint: Option<[u8; 32]>,
    /// When it was deleted, if it was. What is left then keeps its id from being given to another, and nobody sees it.
    pub deleted_at: Option<Timestamp>,
}

impl Conversation {
    /// Returns the other one of a direct conversation.
    pub fn peer_of(&self, user_id: UserId) -> Option<UserId> {
        let (a, b) = self.pair?;
        Some(if a == user_id { b } else { a })
    }

    /// Returns what is left once it is deleted: nothing that anybody wrote, but what tells a retry of the request that
    /// made it from another with its id.
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

/// What kind of conversation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The one conversation of a pair.
    Direct,
    /// A group.
    Group,
}

impl Kind {
    /// Returns the word that stands for it on the wire and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
        }
    }

    /// Reads the word; `None` if it is none.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Direct, Self::Group]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Where a conversation stands: the highest numbers given out in it. All zero while it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The newest message.
    pub seq: Seq,
    /// The newest change.
    pub rev: Rev,
    /// How many messages of users there are.
    pub ordinal: u64,
    /// The newest system message: who is a member, and what they may do, has not changed since. What is decided from a
    /// roster read at this seq holds as long as it stands.
    pub fence: Seq,
}

impl Head {
    /// Returns where a new message takes a conversation that stands here; the same for every store.
    #[must_use]
    pub fn after(self, message: &Message) -> Self {
        let seq = self.seq.next();
        let from_user = message.is_from_user();
        Self {
            seq,
            rev: self.rev.next(),
            ordinal: self.ordinal + u64::from(from_user),
            fence: if from_user { self.fence } else { seq },
        }
    }

    /// Returns the place of the new message that took its conversation here.
    pub const fn position(self) -> Position {
        Position {
            seq: self.seq,
            rev: self.rev,
            ordinal: self.ordinal,
        }
    }
}

/// A conversation with its members of now, and the fence at which that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// The conversation.
    pub conversation: Conversation,
    /// Those who are in, in order of joining (then of user id).
    pub members: Vec<Member>,
    /// The seq of the newest system message when this was read: no older than the members, so that a change decided
    /// from this roster and committed under this fence was decided rightly.
    pub fence: Seq,
}

impl Roster {
    /// Returns the member, if they are in.
    pub fn member(&self, user_id: UserId) -> Option<&Member> {
        self.members.iter().find(|member| member.user_id == user_id)
    }

    /// Returns the other one of a direct conversation.
    pub fn peer(&self, user_id: UserId) -> Option<UserId> {
        self.conversation.peer_of(user_id)
    }
}

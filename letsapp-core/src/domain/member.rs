//! Members as they are kept, and the arithmetic of who sees what.

use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::role::Role;
use crate::domain::timestamp::Timestamp;
use crate::domain::window::{Span, Window};

/// One user's part in one conversation, kept for ever: people leave and come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
    /// What they may do there.
    pub role: Role,
    /// When they last joined.
    pub joined_at: Timestamp,
    /// What they may read, oldest first; while they are in, the last one is open.
    pub windows: Vec<Window>,
    /// How far they have received and read.
    pub watermarks: Watermarks,
    /// What they set for themselves.
    pub preferences: Preferences,
    /// When anything of this last changed.
    pub changed_at: Timestamp,
}

impl Member {
    /// Makes the record of one of the two of a direct conversation.
    pub fn of_pair(conversation_id: ConversationId, user_id: UserId, at: Timestamp) -> Self {
        Self {
            conversation_id,
            user_id,
            role: Role::Member,
            joined_at: at,
            windows: vec![Window::WHOLE],
            watermarks: Watermarks::default(),
            preferences: Preferences::default(),
            changed_at: at,
        }
    }

    /// Tells whether they are in now.
    pub fn is_in(&self) -> bool {
        self.windows.last().is_some_and(|window| window.to.is_none())
    }

    /// Tells whether they may read the message at `seq`.
    pub fn sees(&self, seq: Seq) -> bool {
        self.windows.iter().any(|window| window.contains(seq))
    }

    /// Returns the newest message that they may read in a conversation with this head; zero if there is none.
    pub fn newest_visible(&self, head: Seq) -> Seq {
        self.windows
            .last()
            .map_or(Seq::ZERO, |window| window.to.unwrap_or(head).min(head))
    }

    /// Returns the stretches of messages that they may read and have not, in a conversation with this head.
    pub fn unread_spans(&self, head: Seq) -> impl Iterator<Item = Span> + '_ {
        self.windows.iter().filter_map(move |window| {
            let after = self.watermarks.read.max(Seq(window.from.0.saturating_sub(1)));
            let through = window.to.unwrap_or(head).min(head);
            (after < through).then_some(Span {
                conversation_id: self.conversation_id,
                after,
                through,
            })
        })
    }
}

/// One step of a change of membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// Comes in, or back, reading from the message that tells of it.
    Joined(UserId, Role),
    /// Goes, reading up to the message that tells of it, and has no role any more but a member's.
    Left(UserId),
    /// Gets another role.
    Role(UserId, Role),
}

impl MemberChange {
    /// Returns whom it concerns.
    pub const fn user_id(&self) -> UserId {
        match *self {
            Self::Joined(user_id, _) | Self::Left(user_id) | Self::Role(user_id, _) => user_id,
        }
    }

    /// Works out the member's new record from the old one (if there ever was one), for the system message at `seq`;
    /// the same for every store. `None` if nothing comes of it: whoever is in does not join, whoever is out neither
    /// leaves nor gets a role.
    pub fn apply(
        self,
        conversation_id: ConversationId,
        before: Option<&Member>,
        seq: Seq,
        at: Timestamp,
    ) -> Option<Member> {
        match (self, before) {
            (Self::Joined(user_id, role), None) => Some(Member {
                conversation_id,
                user_id,
                role,
                joined_at: at,
                windows: vec![Window { from: seq, to: None }],
                watermarks: Watermarks::default(),
                preferences: Preferences::default(),
                changed_at: at,
            }),
            (Self::Joined(_, role), Some(member)) if !member.is_in() => {
                let mut member = member.clone();
                member.role = role;
                member.joined_at = at;
                member.windows.push(Window { from: seq, to: None });
                member.changed_at = member.changed_at.max(at);
                Some(member)
            }
            (Self::Left(_), Some(member)) if member.is_in() => {
                let mut member = member.clone();
                member.role = Role::Member;
                if let Some(window) = member.windows.last_mut() {
                    window.to = Some(seq);
                }
                member.changed_at = member.changed_at.max(at);
                Some(member)
            }
            (Self::Role(_, role), Some(member)) if member.is_in() => Some(Member {
                role,
                changed_at: member.changed_at.max(at),
                ..member.clone()
            }),
            _ => None,
        }
    }
}

/// How far a member has received and read: two numbers that only rise, read never above delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// All up to this one has reached a device of theirs.
    pub delivered: Seq,
    /// All up to this one was read.
    pub read: Seq,
}

impl Watermarks {
    /// Marks everything up to `seq` as read.
    pub const fn read(seq: Seq) -> Self {
        Self {
            delivered: seq,
            read: seq,
        }
    }

    /// Takes the higher of each; read implies delivered.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let read = self.read.max(other.read);
        Self {
            delivered: self.delivered.max(other.delivered).max(read),
            read,
        }
    }
}

/// What members set for themselves in a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// No notifications until then.
    pub muted_until: Option<Timestamp>,
    /// Put away.
    pub archived: bool,
    /// Kept on top.
    pub pinned: bool,
}

/// Changes of preferences: `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreferencesPatch {
    /// No notifications until then; `Some(None)` ends it.
    pub muted_until: Option<Option<Timestamp>>,
    /// Whether it is put away.
    pub archived: Option<bool>,
    /// Whether it is kept on top.
    pub pinned: Option<bool>,
}

impl PreferencesPatch {
    /// Makes the patch that takes away all that was set.
    pub const fn blank() -> Self {
        Self {
            muted_until: Some(None),
            archived: Some(false),
            pinned: Some(false),
        }
    }

    /// Applies the changes; the same for every store.
    pub fn apply(&self, preferences: &mut Preferences) {
        if let Some(muted_until) = self.muted_until {
            preferences.muted_until = muted_until;
        }
        if let Some(archived) = self.archived {
            preferences.archived = archived;
        }
        if let Some(pinned) = self.pinned {
            preferences.pinned = pinned;
        }
    }
}

//! Members of conversations: their windows, watermarks and preferences.

use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::role::Role;
use crate::domain::timestamp::Timestamp;
use crate::domain::window::{Span, Window};

/// Record of one user in one conversation. Never deleted while the conversation exists, since users who leave can be
/// added again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Conversation of the record.
    pub conversation_id: ConversationId,
    /// User of the record.
    pub user_id: UserId,
    /// Role; `member` in a direct conversation and after leaving.
    pub role: Role,
    /// Time of the last joining, set by the server's clock.
    pub joined_at: Timestamp,
    /// Ranges of messages that the user may read, oldest first. The last one is open while the user is a member.
    pub windows: Vec<Window>,
    /// Seqs up to which the user has received and read messages, as receipts have raised them. Own messages imply more
    /// than is stored here: their sender has received and read everything before them.
    pub watermarks: Watermarks,
    /// Preferences that the user set for this conversation.
    pub preferences: Preferences,
    /// State of the conversation that a former member continues to see; `None` while the user is a member, and for
    /// those who left before such states were stored.
    pub departure: Option<Box<Departure>>,
    /// Time of the last change to this record, set by the server's clock.
    pub changed_at: Timestamp,
}

/// Key of a member's record.
pub type MemberKey = (ConversationId, UserId);

impl Member {
    /// Returns the record of one of the users of a new direct conversation.
    pub fn of_pair(conversation_id: ConversationId, user_id: UserId, at: Timestamp) -> Self {
        Self {
            conversation_id,
            user_id,
            role: Role::Member,
            joined_at: at,
            windows: vec![Window::WHOLE],
            watermarks: Watermarks::default(),
            preferences: Preferences::default(),
            departure: None,
            changed_at: at,
        }
    }

    /// Reports whether the user is a member now.
    pub fn is_in(&self) -> bool {
        self.windows.last().is_some_and(|window| window.to.is_none())
    }

    /// Reports whether the conversation is in the user's list: it is unless the user has left it and removed it then.
    pub fn is_listed(&self) -> bool {
        self.is_in() || self.departure.as_ref().is_none_or(|departure| departure.listed)
    }

    /// Returns the seq of the message that reports the leaving of a former member; `None` for a current one.
    pub fn left_at(&self) -> Option<Seq> {
        self.windows.last().and_then(|window| window.to)
    }

    /// Reports whether a departure is that of the last leaving: a store keeps no other, and shows no other. `false` for
    /// a current member.
    pub fn left_with(&self, departure: &Departure) -> bool {
        self.left_at() == Some(departure.seq)
    }

    /// Reports whether a departure is to be stored: that of the last leaving, unless one is stored already. One that is
    /// not listed replaces it, so that a group which the user removed from the list does not come back.
    pub fn takes(&self, departure: &Departure) -> bool {
        self.left_with(departure) && (self.departure.is_none() || !departure.listed)
    }

    /// Reports whether the user may read the message at `seq`.
    pub fn sees(&self, seq: Seq) -> bool {
        self.windows.iter().any(|window| window.contains(seq))
    }

    /// Returns the seq of the newest message that the user may read in a conversation with this head; zero if there is
    /// none.
    pub fn newest_visible(&self, head: Seq) -> Seq {
        self.windows
            .last()
            .map_or(Seq::ZERO, |window| window.to.unwrap_or(head).min(head))
    }

    /// Returns the ranges of messages that the user may read but has not read, in a conversation with this head.
    pub fn unread_spans(&self, head: Seq) -> impl Iterator<Item = Span> + '_ {
        self.windows.iter().filter_map(move |window| {
            // Nothing before the window counts, even if the watermark is lower: a member who returns must not get
            // unread messages from the time of absence.
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

/// Change of one membership, committed together with the system message that reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// The user joins, or joins again, and may read from the system message on.
    Joined(UserId, Role),
    /// The user leaves or is removed, may read up to the system message, and gets the role `member`.
    Left(UserId),
    /// The member gets another role.
    Role(UserId, Role),
}

impl MemberChange {
    /// Returns the user whose membership changes.
    pub const fn user_id(&self) -> UserId {
        match *self {
            Self::Joined(user_id, _) | Self::Left(user_id) | Self::Role(user_id, _) => user_id,
        }
    }

    /// Computes the new record from the old one, if there is one, for the system message at `seq`. Every store uses
    /// this.
    ///
    /// Returns `None` if the change has no effect: a current member does not join, and any other user neither leaves
    /// nor gets a role.
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
                departure: None,
                changed_at: at,
            }),
            (Self::Joined(_, role), Some(member)) if !member.is_in() => {
                let mut member = member.clone();
                member.role = role;
                member.joined_at = at;
                member.windows.push(Window { from: seq, to: None });
                member.departure = None;
                // Clocks of several servers differ; `changed_at` must not go back, or clients that sync by time would
                // miss the change.
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

/// Seqs up to which a member has received and read messages. Both only increase, and `read` never exceeds `delivered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// Seq up to which all messages have reached one of the user's devices.
    pub delivered: Seq,
    /// Seq up to which the user has read all messages.
    pub read: Seq,
}

impl Watermarks {
    /// Returns the watermarks of a user who has read everything up to `seq`.
    pub const fn read(seq: Seq) -> Self {
        Self {
            delivered: seq,
            read: seq,
        }
    }

    /// Returns the higher of each watermark. A message that was read was also delivered.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let read = self.read.max(other.read);
        Self {
            delivered: self.delivered.max(other.delivered).max(read),
            read,
        }
    }
}

/// A member's preferences for a conversation. Visible only to the member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// End of the time without notifications; `None` if not muted.
    pub muted_until: Option<Timestamp>,
    /// Whether the conversation is archived.
    pub archived: bool,
    /// Whether the conversation is pinned to the top of the list.
    pub pinned: bool,
}

/// Changes to preferences. `None` leaves a field unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreferencesPatch {
    /// New end of the time without notifications; `Some(None)` unmutes.
    pub muted_until: Option<Option<Timestamp>>,
    /// Whether the conversation is archived.
    pub archived: Option<bool>,
    /// Whether the conversation is pinned to the top of the list.
    pub pinned: Option<bool>,
}

impl PreferencesPatch {
    /// Returns the patch that resets all preferences.
    pub const fn blank() -> Self {
        Self {
            muted_until: Some(None),
            archived: Some(false),
            pinned: Some(false),
        }
    }

    /// Applies the changes to `preferences`. Every store uses this.
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

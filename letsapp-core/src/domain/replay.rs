//! Replays the system messages of a group, to find the state in which somebody left it.

use std::collections::HashSet;

use crate::domain::conversation::Conversation;
use crate::domain::departure::Departure;
use crate::domain::id::{MediaId, Rev, Seq, UserId};
use crate::domain::message::{Content, Message, SystemEvent};
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;

/// The state of a group at one of its messages, as far as its system messages tell.
///
/// The message about the creation of a group does not contain its title, description and picture. So one of these that
/// was only changed later is not known; one that never changed is the present one.
#[derive(Clone, Debug)]
pub struct Replay {
    through: Seq,
    /// Time and rev of the message at `through`.
    end: Option<(Timestamp, Rev)>,
    title: Replayed<Option<Title>>,
    about: Replayed<About>,
    avatar_media_id: Replayed<Option<MediaId>>,
    members: HashSet<UserId>,
}

/// A value that system messages change.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Replayed<T> {
    /// No message has changed it.
    Unchanged,
    /// The last change up to the end of the replay.
    Set(T),
    /// Changed only after the end of the replay.
    Unknown,
}

impl Replay {
    /// Begins the replay up to the message at `through`.
    pub fn new(through: Seq) -> Self {
        Self {
            through,
            end: None,
            title: Replayed::Unchanged,
            about: Replayed::Unchanged,
            avatar_media_id: Replayed::Unchanged,
            members: HashSet::new(),
        }
    }

    /// Takes the next system message. All of a conversation are taken, those behind the end too.
    pub fn take(&mut self, message: &Message) {
        let Content::System(event) = &message.content else {
            return;
        };
        let later = message.seq > self.through;
        if message.seq == self.through {
            self.end = Some((message.sent_at, message.rev));
        }
        match event {
            SystemEvent::TitleChanged { title } => {
                self.title.change(later, || Some(Title::from_stored(title.as_str())));
            }
            SystemEvent::AboutChanged { about } => self.about.change(later, || About::from_stored(about.as_str())),
            SystemEvent::PictureChanged { avatar_media_id } => {
                self.avatar_media_id.change(later, || *avatar_media_id);
            }
            SystemEvent::GroupCreated { user_ids } | SystemEvent::MembersAdded { user_ids } if !later => {
                self.members.extend(user_ids);
            }
            SystemEvent::MemberRemoved { user_id } | SystemEvent::MemberLeft { user_id } if !later => {
                self.members.remove(user_id);
            }
            SystemEvent::GroupCreated { .. }
            | SystemEvent::MembersAdded { .. }
            | SystemEvent::MemberRemoved { .. }
            | SystemEvent::MemberLeft { .. }
            | SystemEvent::RoleChanged { .. }
            | SystemEvent::GroupDeleted
            | SystemEvent::Call { .. } => {}
        }
    }

    /// Returns the state at the end of the replay, where `conversation` is the present state. `None` if there is no
    /// system message at the end.
    pub fn departure(self, conversation: &Conversation) -> Option<Departure> {
        let (at, rev) = self.end?;
        Some(Departure {
            at,
            seq: self.through,
            rev,
            title: self.title.or(&conversation.title),
            about: self.about.or(&conversation.about),
            avatar_media_id: self.avatar_media_id.or(&conversation.avatar_media_id),
            member_count: self.members.len(),
            listed: true,
        })
    }
}

impl<T: Clone + Default> Replayed<T> {
    fn change(&mut self, later: bool, value: impl FnOnce() -> T) {
        if !later {
            *self = Self::Set(value());
        } else if matches!(self, Self::Unchanged) {
            *self = Self::Unknown;
        }
    }

    fn or(self, present: &T) -> T {
        match self {
            Self::Unchanged => present.clone(),
            Self::Set(value) => value,
            Self::Unknown => T::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::Kind;
    use crate::domain::id::{ConversationId, MessageId};
    use crate::domain::message::Fingerprint;

    const ANA: UserId = UserId::from_bytes([1; 16]);
    const BEN: UserId = UserId::from_bytes([2; 16]);
    const CEM: UserId = UserId::from_bytes([3; 16]);

    fn told(seq: u64, event: SystemEvent) -> Message {
        Message {
            conversation_id: ConversationId::from_bytes([9; 16]),
            id: MessageId::from_bytes([1; 16]),
            seq: Seq(seq),
            rev: Rev(seq + 100),
            ordinal: 0,
            sender_id: ANA,
            content: Content::System(event),
            reply_to: None,
            forwarded: false,
            mentions: Vec::new(),
            attachments: Vec::new(),
            reactions: Vec::new(),
            sent_at: Timestamp::from_millis(1_000 * seq.cast_signed()),
            edited_at: None,
            deleted_at: None,
            fingerprint: Fingerprint::SYSTEM,
        }
    }

    fn present() -> Conversation {
        Conversation {
            id: ConversationId::from_bytes([9; 16]),
            kind: Kind::Group,
            title: Some(Title::from_stored("Now")),
            about: About::from_stored("Now"),
            avatar_media_id: Some(MediaId::from_bytes([7; 16])),
            created_by: ANA,
            created_at: Timestamp::from_millis(0),
            pair: None,
            fingerprint: None,
            deleted_at: None,
        }
    }

    fn title(title: &str) -> SystemEvent {
        SystemEvent::TitleChanged {
            title: title.to_owned(),
        }
    }

    #[test]
    fn the_state_at_leaving_is_what_the_messages_up_to_it_tell() {
        let users = |user_ids: &[UserId]| user_ids.to_vec();
        let messages = [
            told(
                1,
                SystemEvent::GroupCreated {
                    user_ids: users(&[ANA]),
                },
            ),
            told(2, title("One")),
            told(
                3,
                SystemEvent::MembersAdded {
                    user_ids: users(&[BEN, CEM]),
                },
            ),
            told(5, title("Two")),
            told(8, SystemEvent::MemberRemoved { user_id: BEN }),
            told(9, title("Three")),
            told(
                10,
                SystemEvent::AboutChanged {
                    about: "Later".to_owned(),
                },
            ),
            told(11, SystemEvent::MemberLeft { user_id: CEM }),
        ];
        let mut replay = Replay::new(Seq(8));
        messages.iter().for_each(|message| replay.take(message));
        let departure = replay.departure(&present()).unwrap();
        let expected = Departure {
            at: Timestamp::from_millis(8_000),
            seq: Seq(8),
            rev: Rev(108),
            title: Some(Title::from_stored("Two")),
            // Changed since, and nobody has kept what it was before.
            about: About::default(),
            // Never changed.
            avatar_media_id: present().avatar_media_id,
            member_count: 2,
            listed: true,
        };
        assert_eq!(departure, expected);
    }

    #[test]
    fn without_a_message_about_leaving_there_is_no_state() {
        let mut replay = Replay::new(Seq(8));
        replay.take(&told(2, title("One")));
        assert_eq!(replay.departure(&present()), None);
    }
}

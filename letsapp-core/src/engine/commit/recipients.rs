//! The recipients of a change of a group, by the system messages that describe it.

use std::collections::HashSet;

use crate::domain::conversation::Roster;
use crate::domain::id::UserId;
use crate::domain::message::{Content, Message, SystemEvent};
use crate::domain::role::Role;

/// The users concerned by a change of a group, beyond the readers of its system messages.
pub(super) struct Recipients {
    /// The users for whom the conversation is new.
    pub(super) newcomers: Vec<UserId>,
    /// The users who receive the conversation in its new state.
    pub(super) others: Vec<UserId>,
    /// The user for whom the conversation ends.
    pub(super) gone: Option<UserId>,
}

impl Recipients {
    /// Returns the recipients of a change with these system messages, each user once.
    pub(super) fn of<'a>(messages: impl Iterator<Item = &'a Message>, roster: &Roster) -> Self {
        let mut recipients = Self {
            newcomers: Vec::new(),
            others: Vec::new(),
            gone: None,
        };
        for message in messages {
            if let Content::System(event) = &message.content {
                recipients.add(event, message.sender_id, roster);
            }
        }
        let mut seen = HashSet::new();
        recipients.others.retain(|user_id| seen.insert(*user_id));
        recipients
    }

    fn add(&mut self, event: &SystemEvent, actor: UserId, roster: &Roster) {
        match event {
            SystemEvent::GroupCreated { user_ids } | SystemEvent::MembersAdded { user_ids } => {
                self.newcomers.extend(user_ids);
            }
            SystemEvent::MemberRemoved { user_id } | SystemEvent::MemberLeft { user_id } => self.gone = Some(*user_id),
            SystemEvent::RoleChanged { user_id, role } => {
                self.others.push(*user_id);
                if *role == Role::Owner {
                    // When ownership is handed over, the actor's role changes too.
                    self.others.push(actor);
                }
            }
            SystemEvent::TitleChanged { .. }
            | SystemEvent::AboutChanged { .. }
            | SystemEvent::PictureChanged { .. } => {
                self.others.extend(roster.members.iter().map(|member| member.user_id));
            }
            SystemEvent::GroupDeleted | SystemEvent::Call { .. } => {}
        }
    }
}

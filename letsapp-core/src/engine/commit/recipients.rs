//! The recipients of a change of a group, by the system message that describes it.

use crate::domain::conversation::Roster;
use crate::domain::id::UserId;
use crate::domain::message::SystemEvent;
use crate::domain::role::Role;

/// The users concerned by a change of a group, beyond the readers of its system message.
pub(super) struct Recipients {
    /// The users for whom the conversation is new.
    pub(super) newcomers: Vec<UserId>,
    /// The users who receive the conversation in its new state.
    pub(super) others: Vec<UserId>,
    /// The user for whom the conversation ends.
    pub(super) gone: Option<UserId>,
}

impl Recipients {
    pub(super) fn of(event: &SystemEvent, actor: UserId, roster: &Roster) -> Self {
        let nobody = Self {
            newcomers: Vec::new(),
            others: Vec::new(),
            gone: None,
        };
        match event {
            SystemEvent::GroupCreated { user_ids } | SystemEvent::MembersAdded { user_ids } => Self {
                newcomers: user_ids.clone(),
                ..nobody
            },
            SystemEvent::MemberRemoved { user_id } | SystemEvent::MemberLeft { user_id } => Self {
                gone: Some(*user_id),
                ..nobody
            },
            // When ownership is handed over, the actor's role changes too.
            SystemEvent::RoleChanged { user_id, role } => Self {
                others: match role {
                    Role::Owner => vec![*user_id, actor],
                    Role::Admin | Role::Member => vec![*user_id],
                },
                ..nobody
            },
            SystemEvent::TitleChanged { .. }
            | SystemEvent::AboutChanged { .. }
            | SystemEvent::PictureChanged { .. } => Self {
                others: roster.members.iter().map(|member| member.user_id).collect(),
                ..nobody
            },
            SystemEvent::GroupDeleted | SystemEvent::Call { .. } => nobody,
        }
    }
}

//! Content of system messages on the wire.

use serde::{Deserialize, Serialize};

use crate::domain::id::{CallId, MediaId, UserId};
use crate::domain::message;
use crate::domain::role::Role;

/// Change to a conversation, or a call in it, reported by a system message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
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
        /// New picture; null if removed.
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

impl From<message::SystemEvent> for SystemEvent {
    fn from(event: message::SystemEvent) -> Self {
        match event {
            message::SystemEvent::GroupCreated { user_ids } => Self::GroupCreated { user_ids },
            message::SystemEvent::TitleChanged { title } => Self::TitleChanged { title },
            message::SystemEvent::AboutChanged { about } => Self::AboutChanged { about },
            message::SystemEvent::PictureChanged { avatar_media_id } => Self::PictureChanged { avatar_media_id },
            message::SystemEvent::MembersAdded { user_ids } => Self::MembersAdded { user_ids },
            message::SystemEvent::MemberRemoved { user_id } => Self::MemberRemoved { user_id },
            message::SystemEvent::MemberLeft { user_id } => Self::MemberLeft { user_id },
            message::SystemEvent::RoleChanged { user_id, role } => Self::RoleChanged { user_id, role },
            message::SystemEvent::GroupDeleted => Self::GroupDeleted,
            message::SystemEvent::Call {
                call_id,
                media,
                outcome,
                duration_ms,
            } => Self::Call {
                call_id,
                media,
                outcome,
                duration_ms,
            },
        }
    }
}

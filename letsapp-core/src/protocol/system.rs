//! The content of system messages on the wire.

use serde::{Deserialize, Serialize};

use crate::domain::id::{CallId, MediaId, UserId};
use crate::domain::message;
use crate::domain::role::Role;

/// What a system message tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
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

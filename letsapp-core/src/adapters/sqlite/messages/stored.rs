//! Types of the JSON columns in the table `messages`.
//!
//! Separate from the types of the protocol, because the protocol may change while existing files keep their format.

use serde::{Deserialize, Serialize};

use super::super::values::Json;
use crate::domain::id::{CallId, MediaId, UserId};
use crate::domain::media::{Attachment, Thumbnail};
use crate::domain::message::SystemEvent;
use crate::domain::role::Role;

/// Value of the column `system`: the event that a system message announces.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum StoredSystemEvent {
    GroupCreated {
        user_ids: Vec<UserId>,
    },
    TitleChanged {
        title: String,
    },
    AboutChanged {
        about: String,
    },
    PictureChanged {
        avatar_media_id: Option<MediaId>,
    },
    MembersAdded {
        user_ids: Vec<UserId>,
    },
    MemberRemoved {
        user_id: UserId,
    },
    MemberLeft {
        user_id: UserId,
    },
    RoleChanged {
        user_id: UserId,
        role: Role,
    },
    GroupDeleted,
    Call {
        call_id: CallId,
        media: String,
        outcome: String,
        duration_ms: u64,
    },
}

impl From<SystemEvent> for StoredSystemEvent {
    fn from(event: SystemEvent) -> Self {
        match event {
            SystemEvent::GroupCreated { user_ids } => Self::GroupCreated { user_ids },
            SystemEvent::TitleChanged { title } => Self::TitleChanged { title },
            SystemEvent::AboutChanged { about } => Self::AboutChanged { about },
            SystemEvent::PictureChanged { avatar_media_id } => Self::PictureChanged { avatar_media_id },
            SystemEvent::MembersAdded { user_ids } => Self::MembersAdded { user_ids },
            SystemEvent::MemberRemoved { user_id } => Self::MemberRemoved { user_id },
            SystemEvent::MemberLeft { user_id } => Self::MemberLeft { user_id },
            SystemEvent::RoleChanged { user_id, role } => Self::RoleChanged { user_id, role },
            SystemEvent::GroupDeleted => Self::GroupDeleted,
            SystemEvent::Call {
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

impl From<StoredSystemEvent> for SystemEvent {
    fn from(stored: StoredSystemEvent) -> Self {
        match stored {
            StoredSystemEvent::GroupCreated { user_ids } => Self::GroupCreated { user_ids },
            StoredSystemEvent::TitleChanged { title } => Self::TitleChanged { title },
            StoredSystemEvent::AboutChanged { about } => Self::AboutChanged { about },
            StoredSystemEvent::PictureChanged { avatar_media_id } => Self::PictureChanged { avatar_media_id },
            StoredSystemEvent::MembersAdded { user_ids } => Self::MembersAdded { user_ids },
            StoredSystemEvent::MemberRemoved { user_id } => Self::MemberRemoved { user_id },
            StoredSystemEvent::MemberLeft { user_id } => Self::MemberLeft { user_id },
            StoredSystemEvent::RoleChanged { user_id, role } => Self::RoleChanged { user_id, role },
            StoredSystemEvent::GroupDeleted => Self::GroupDeleted,
            StoredSystemEvent::Call {
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

/// Element of the column `attachments`.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::adapters::sqlite) struct StoredAttachment {
    id: MediaId,
    file_name: String,
    content_type: String,
    /// Bytes.
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<StoredThumbnail>,
}

/// Preview of a stored attachment.
#[derive(Debug, Serialize, Deserialize)]
struct StoredThumbnail {
    width: u32,
    height: u32,
    blurhash: String,
}

/// Reads the column `attachments`.
pub(in crate::adapters::sqlite) fn attachments(column: Option<Json<Vec<StoredAttachment>>>) -> Vec<Attachment> {
    let stored = column.map_or_else(Vec::new, |list| list.0);
    stored.into_iter().map(Attachment::from).collect()
}

impl From<Attachment> for StoredAttachment {
    fn from(attachment: Attachment) -> Self {
        Self {
            id: attachment.id,
            file_name: attachment.file_name,
            content_type: attachment.content_type,
            size: attachment.size,
            width: attachment.width,
            height: attachment.height,
            duration: attachment.duration,
            thumbnail: attachment.thumbnail.map(|thumbnail| StoredThumbnail {
                width: thumbnail.width,
                height: thumbnail.height,
                blurhash: thumbnail.blurhash,
            }),
        }
    }
}

impl From<StoredAttachment> for Attachment {
    fn from(stored: StoredAttachment) -> Self {
        Self {
            id: stored.id,
            file_name: stored.file_name,
            content_type: stored.content_type,
            size: stored.size,
            width: stored.width,
            height: stored.height,
            duration: stored.duration,
            thumbnail: stored.thumbnail.map(|thumbnail| Thumbnail {
                width: thumbnail.width,
                height: thumbnail.height,
                blurhash: thumbnail.blurhash,
            }),
        }
    }
}

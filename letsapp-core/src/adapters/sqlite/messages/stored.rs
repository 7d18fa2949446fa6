//! Types of the JSON columns in the table `messages`.
//!
//! Separate from the types of the protocol, because the protocol may change while existing files keep their format.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::values::{Json, UnknownWord};
use crate::domain::id::{CallId, MediaId, UserId};
use crate::domain::media::{Attachment, Thumbnail, Waveform};
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
        #[serde(serialize_with = "write_role", deserialize_with = "read_role")]
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
    /// Size in bytes.
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<StoredThumbnail>,
    /// 64 values of 0–100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waveform: Option<Vec<u8>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    processing: bool,
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
            waveform: attachment.waveform.map(|waveform| waveform.points().to_vec()),
            processing: attachment.is_processing,
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
            waveform: stored
                .waveform
                .and_then(|points| points.try_into().ok())
                .map(Waveform::from_stored),
            is_processing: stored.processing,
        }
    }
}

fn write_role<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(role.as_str())
}

fn read_role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    let word = String::deserialize(deserializer)?;
    Role::from_word(&word).ok_or_else(|| D::Error::custom(UnknownWord(word)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    #[test]
    fn system_events_keep_their_stored_form() {
        let id = "07070707-0707-0707-0707-070707070707";
        let table = [
            (
                SystemEvent::RoleChanged {
                    user_id: UserId::from_bytes([7; 16]),
                    role: Role::Admin,
                },
                json!({"type": "role_changed", "user_id": id, "role": "admin"}),
            ),
            (
                SystemEvent::PictureChanged { avatar_media_id: None },
                json!({"type": "picture_changed", "avatar_media_id": null}),
            ),
            (
                SystemEvent::Call {
                    call_id: CallId::from_bytes([7; 16]),
                    media: "video".to_owned(),
                    outcome: "answered".to_owned(),
                    duration_ms: 61_000,
                },
                json!({
                    "type": "call", "call_id": id, "media": "video", "outcome": "answered", "duration_ms": 61_000,
                }),
            ),
        ];
        for (event, stored) in table {
            assert_eq!(to_value(StoredSystemEvent::from(event.clone())).unwrap(), stored);
            let read: StoredSystemEvent = from_value(stored).unwrap();
            assert_eq!(SystemEvent::from(read), event);
        }
        let unknown: Value = json!({"type": "role_changed", "user_id": id, "role": "king"});
        assert!(from_value::<StoredSystemEvent>(unknown).is_err());
    }
}

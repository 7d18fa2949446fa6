//! The content of a message as a document: the text of a user, or an event of the conversation.

use mongodb::bson::Uuid;
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{Id, count, ids, long, uuids, word};
use crate::domain::message::{Content, SystemEvent};
use crate::domain::role::Role;
use crate::ports::RepositoryError;

/// `{type: "text", body}` or `{type: "system", event}`. Further types need no migration.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ContentDocument {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<EventDocument>,
}

/// Type of the text of a user.
const TEXT: &str = "text";
/// Type of a system message. Every other type is of a message from a user.
pub(super) const SYSTEM: &str = "system";

/// An event of the conversation, tagged with its type.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum EventDocument {
    GroupCreated {
        user_ids: Vec<Uuid>,
    },
    TitleChanged {
        title: String,
    },
    AboutChanged {
        about: String,
    },
    PictureChanged {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        avatar_media_id: Option<Uuid>,
    },
    MembersAdded {
        user_ids: Vec<Uuid>,
    },
    MemberRemoved {
        user_id: Uuid,
    },
    MemberLeft {
        user_id: Uuid,
    },
    RoleChanged {
        user_id: Uuid,
        role: String,
    },
    GroupDeleted,
    Call {
        call_id: Uuid,
        media: String,
        outcome: String,
        duration_ms: i64,
    },
}

impl From<&Content> for ContentDocument {
    fn from(content: &Content) -> Self {
        match content {
            Content::Text(body) => Self {
                kind: TEXT.to_owned(),
                body: Some(body.clone()),
                event: None,
            },
            Content::System(event) => Self {
                kind: SYSTEM.to_owned(),
                body: None,
                event: Some(EventDocument::from(event)),
            },
        }
    }
}

impl ContentDocument {
    pub(super) fn into_content(self) -> Result<Content, RepositoryError> {
        match (self.kind.as_str(), self.body, self.event) {
            (TEXT, Some(body), _) => Ok(Content::Text(body)),
            (SYSTEM, _, Some(event)) => event.into_event().map(Content::System),
            (kind, _, _) => Err(broken(kind)),
        }
    }
}

impl From<&SystemEvent> for EventDocument {
    fn from(event: &SystemEvent) -> Self {
        match event {
            SystemEvent::GroupCreated { user_ids } => Self::GroupCreated {
                user_ids: uuids(user_ids),
            },
            SystemEvent::TitleChanged { title } => Self::TitleChanged { title: title.clone() },
            SystemEvent::AboutChanged { about } => Self::AboutChanged { about: about.clone() },
            SystemEvent::PictureChanged { avatar_media_id } => Self::PictureChanged {
                avatar_media_id: avatar_media_id.map(Id::to_bson),
            },
            SystemEvent::MembersAdded { user_ids } => Self::MembersAdded {
                user_ids: uuids(user_ids),
            },
            SystemEvent::MemberRemoved { user_id } => Self::MemberRemoved {
                user_id: user_id.to_bson(),
            },
            SystemEvent::MemberLeft { user_id } => Self::MemberLeft {
                user_id: user_id.to_bson(),
            },
            SystemEvent::RoleChanged { user_id, role } => Self::RoleChanged {
                user_id: user_id.to_bson(),
                role: role.as_str().to_owned(),
            },
            SystemEvent::GroupDeleted => Self::GroupDeleted,
            SystemEvent::Call {
                call_id,
                media,
                outcome,
                duration_ms,
            } => Self::Call {
                call_id: call_id.to_bson(),
                media: media.clone(),
                outcome: outcome.clone(),
                duration_ms: long(*duration_ms),
            },
        }
    }
}

impl EventDocument {
    /// Reads the event.
    ///
    /// # Errors
    /// [`RepositoryError`] if a role is unknown.
    fn into_event(self) -> Result<SystemEvent, RepositoryError> {
        Ok(match self {
            Self::GroupCreated { user_ids } => SystemEvent::GroupCreated {
                user_ids: ids(user_ids),
            },
            Self::TitleChanged { title } => SystemEvent::TitleChanged { title },
            Self::AboutChanged { about } => SystemEvent::AboutChanged { about },
            Self::PictureChanged { avatar_media_id } => SystemEvent::PictureChanged {
                avatar_media_id: avatar_media_id.map(Id::from_bson),
            },
            Self::MembersAdded { user_ids } => SystemEvent::MembersAdded {
                user_ids: ids(user_ids),
            },
            Self::MemberRemoved { user_id } => SystemEvent::MemberRemoved {
                user_id: Id::from_bson(user_id),
            },
            Self::MemberLeft { user_id } => SystemEvent::MemberLeft {
                user_id: Id::from_bson(user_id),
            },
            Self::RoleChanged { user_id, role } => SystemEvent::RoleChanged {
                user_id: Id::from_bson(user_id),
                role: word(&role, Role::from_word)?,
            },
            Self::GroupDeleted => SystemEvent::GroupDeleted,
            Self::Call {
                call_id,
                media,
                outcome,
                duration_ms,
            } => SystemEvent::Call {
                call_id: Id::from_bson(call_id),
                media,
                outcome,
                duration_ms: count(duration_ms),
            },
        })
    }
}

fn broken(kind: &str) -> RepositoryError {
    RepositoryError::internal(format!("a message of the type `{kind}` is not as it should be"))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{
        deserialize_from_document, deserialize_from_slice, doc, serialize_to_document, serialize_to_vec,
    };

    use super::*;
    use crate::domain::id::{CallId, MediaId, UserId};

    #[test]
    fn every_content_is_read_as_it_was_written() {
        let user_id = UserId::from_bytes([7; 16]);
        let events = [
            SystemEvent::GroupCreated {
                user_ids: vec![user_id],
            },
            SystemEvent::TitleChanged { title: "A".to_owned() },
            SystemEvent::AboutChanged { about: String::new() },
            SystemEvent::PictureChanged { avatar_media_id: None },
            SystemEvent::PictureChanged {
                avatar_media_id: Some(MediaId::from_bytes([8; 16])),
            },
            SystemEvent::MembersAdded { user_ids: Vec::new() },
            SystemEvent::MemberRemoved { user_id },
            SystemEvent::MemberLeft { user_id },
            SystemEvent::RoleChanged {
                user_id,
                role: Role::Admin,
            },
            SystemEvent::GroupDeleted,
            SystemEvent::Call {
                call_id: CallId::from_bytes([9; 16]),
                media: "audio".to_owned(),
                outcome: "missed".to_owned(),
                duration_ms: u64::from(u32::MAX) + 1,
            },
        ];
        let contents = events.into_iter().map(Content::System);
        for content in contents.chain([Content::Text("Tea?".to_owned())]) {
            let document = serialize_to_vec(&ContentDocument::from(&content)).unwrap();
            let read: ContentDocument = deserialize_from_slice(&document).unwrap();
            assert_eq!(read.into_content().unwrap(), content);
        }
    }

    #[test]
    fn system_events_keep_their_stored_form() {
        let uuid = |byte| Uuid::from_bytes([byte; 16]);
        let table = [
            (
                SystemEvent::RoleChanged {
                    user_id: UserId::from_bytes([7; 16]),
                    role: Role::Admin,
                },
                doc! {"type": "role_changed", "user_id": uuid(7), "role": "admin"},
            ),
            (
                SystemEvent::PictureChanged { avatar_media_id: None },
                doc! {"type": "picture_changed"},
            ),
            (
                SystemEvent::Call {
                    call_id: CallId::from_bytes([9; 16]),
                    media: "video".to_owned(),
                    outcome: "answered".to_owned(),
                    duration_ms: 61_000,
                },
                doc! {
                    "type": "call", "call_id": uuid(9), "media": "video", "outcome": "answered",
                    "duration_ms": 61_000_i64,
                },
            ),
        ];
        for (event, stored) in table {
            let content = Content::System(event);
            let stored = doc! {"type": "system", "event": stored};
            assert_eq!(serialize_to_document(&ContentDocument::from(&content)).unwrap(), stored);
            let read: ContentDocument = deserialize_from_document(stored).unwrap();
            assert_eq!(read.into_content().unwrap(), content);
        }
    }

    #[test]
    fn an_unknown_role_is_an_error() {
        let event = doc! {"type": "role_changed", "user_id": Uuid::from_bytes([7; 16]), "role": "king"};
        let read: ContentDocument = deserialize_from_document(doc! {"type": "system", "event": event}).unwrap();
        assert!(matches!(read.into_content(), Err(RepositoryError::Internal(_))));
    }
}

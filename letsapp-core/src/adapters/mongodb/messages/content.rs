//! The content of a message as a document: the text of a user, or an event of the conversation.

use mongodb::bson::Uuid;
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{Id, count, ids, long, uuids};
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
pub(super) const TEXT: &str = "text";
/// Type of an event of the conversation.
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
        role: Role,
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
            (SYSTEM, _, Some(event)) => Ok(Content::System(event.into())),
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
                role: *role,
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

impl From<EventDocument> for SystemEvent {
    fn from(document: EventDocument) -> Self {
        match document {
            EventDocument::GroupCreated { user_ids } => Self::GroupCreated {
                user_ids: ids(user_ids),
            },
            EventDocument::TitleChanged { title } => Self::TitleChanged { title },
            EventDocument::AboutChanged { about } => Self::AboutChanged { about },
            EventDocument::PictureChanged { avatar_media_id } => Self::PictureChanged {
                avatar_media_id: avatar_media_id.map(Id::from_bson),
            },
            EventDocument::MembersAdded { user_ids } => Self::MembersAdded {
                user_ids: ids(user_ids),
            },
            EventDocument::MemberRemoved { user_id } => Self::MemberRemoved {
                user_id: Id::from_bson(user_id),
            },
            EventDocument::MemberLeft { user_id } => Self::MemberLeft {
                user_id: Id::from_bson(user_id),
            },
            EventDocument::RoleChanged { user_id, role } => Self::RoleChanged {
                user_id: Id::from_bson(user_id),
                role,
            },
            EventDocument::GroupDeleted => Self::GroupDeleted,
            EventDocument::Call {
                call_id,
                media,
                outcome,
                duration_ms,
            } => Self::Call {
                call_id: Id::from_bson(call_id),
                media,
                outcome,
                duration_ms: count(duration_ms),
            },
        }
    }
}

fn broken(kind: &str) -> RepositoryError {
    RepositoryError::internal(format!("a message of the type `{kind}` is not as it should be"))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{deserialize_from_slice, serialize_to_vec};

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
}

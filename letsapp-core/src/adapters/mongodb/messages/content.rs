//! What a message says, as a document: a user's words, or what happened.

use mongodb::bson::Uuid;
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{Id, count, ids, long, uuids, word};
use crate::domain::id::UserId;
use crate::domain::message::{Content, SystemEvent};
use crate::domain::role::Role;
use crate::ports::RepositoryError;

/// `{type: "text", body}`, or `{type: "system", event}`; so that a later kind needs no migration.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ContentDocument {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<EventDocument>,
}

/// A user's words.
pub(super) const TEXT: &str = "text";
const SYSTEM: &str = "system";

/// What happened: its type, and those of the fields that the type has.
#[derive(Debug, Default, Serialize, Deserialize)]
struct EventDocument {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_ids: Option<Vec<Uuid>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar_media_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
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
        let of = |kind: &str| Self {
            kind: kind.to_owned(),
            ..Self::default()
        };
        match event {
            SystemEvent::GroupCreated { user_ids } => Self {
                user_ids: Some(uuids(user_ids)),
                ..of("group_created")
            },
            SystemEvent::TitleChanged { title } => Self {
                title: Some(title.clone()),
                ..of("title_changed")
            },
            SystemEvent::AboutChanged { about } => Self {
                about: Some(about.clone()),
                ..of("about_changed")
            },
            SystemEvent::PictureChanged { avatar_media_id } => Self {
                avatar_media_id: avatar_media_id.map(Id::to_bson),
                ..of("picture_changed")
            },
            SystemEvent::MembersAdded { user_ids } => Self {
                user_ids: Some(uuids(user_ids)),
                ..of("members_added")
            },
            SystemEvent::MemberRemoved { user_id } => Self {
                user_id: Some(user_id.to_bson()),
                ..of("member_removed")
            },
            SystemEvent::MemberLeft { user_id } => Self {
                user_id: Some(user_id.to_bson()),
                ..of("member_left")
            },
            SystemEvent::RoleChanged { user_id, role } => Self {
                user_id: Some(user_id.to_bson()),
                role: Some(role.as_str().to_owned()),
                ..of("role_changed")
            },
            SystemEvent::GroupDeleted => of("group_deleted"),
            SystemEvent::Call {
                call_id,
                media,
                outcome,
                duration_ms,
            } => Self {
                call_id: Some(call_id.to_bson()),
                media: Some(media.clone()),
                outcome: Some(outcome.clone()),
                duration_ms: Some(long(*duration_ms)),
                ..of("call")
            },
        }
    }
}

impl EventDocument {
    fn into_event(self) -> Result<SystemEvent, RepositoryError> {
        let kind = self.kind;
        let missing = || broken(&kind);
        let user_id = || self.user_id.map(UserId::from_bson).ok_or_else(missing);
        Ok(match kind.as_str() {
            "group_created" => SystemEvent::GroupCreated {
                user_ids: ids(self.user_ids.ok_or_else(missing)?),
            },
            "title_changed" => SystemEvent::TitleChanged {
                title: self.title.ok_or_else(missing)?,
            },
            "about_changed" => SystemEvent::AboutChanged {
                about: self.about.ok_or_else(missing)?,
            },
            "picture_changed" => SystemEvent::PictureChanged {
                avatar_media_id: self.avatar_media_id.map(Id::from_bson),
            },
            "members_added" => SystemEvent::MembersAdded {
                user_ids: ids(self.user_ids.ok_or_else(missing)?),
            },
            "member_removed" => SystemEvent::MemberRemoved { user_id: user_id()? },
            "member_left" => SystemEvent::MemberLeft { user_id: user_id()? },
            "role_changed" => SystemEvent::RoleChanged {
                user_id: user_id()?,
                role: word(&self.role.ok_or_else(missing)?, Role::from_word)?,
            },
            "group_deleted" => SystemEvent::GroupDeleted,
            "call" => SystemEvent::Call {
                call_id: self.call_id.map(Id::from_bson).ok_or_else(missing)?,
                media: self.media.ok_or_else(missing)?,
                outcome: self.outcome.ok_or_else(missing)?,
                duration_ms: count(self.duration_ms.ok_or_else(missing)?),
            },
            _ => return Err(missing()),
        })
    }
}

fn broken(kind: &str) -> RepositoryError {
    RepositoryError::internal(format!("a message of the type `{kind}` is not as it should be"))
}

//! Document of `conversations`.

use mongodb::bson::{Binary, DateTime, Uuid};
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{DocumentVersion, Id, VERSION, array, binary, date, moment, word};
use crate::domain::conversation::{Conversation, Kind};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::text::Title;
use crate::domain::user::About;
use crate::ports::RepositoryError;

/// A document of `conversations`.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct ConversationDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    v: DocumentVersion,
    /// Word of the [`Kind`].
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar_media_id: Option<Uuid>,
    created_by: Uuid,
    created_at: DateTime,
    /// The two users of a direct conversation, the lower id first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pair: Option<(Uuid, Uuid)>,
    /// Hash of the request that created a group, which tells a retry from another request with the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Binary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<DateTime>,
    /// `true` from the deletion until all members and messages are removed, absent otherwise; a partial index finds the
    /// conversations that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remains: Option<bool>,
}

impl ConversationDocument {
    /// Returns the document of a conversation. A deleted one is marked as having remains.
    pub(in crate::adapters::mongodb) fn new(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.to_bson(),
            v: VERSION,
            kind: conversation.kind.as_str().to_owned(),
            title: conversation.title.as_ref().map(|title| title.as_str().to_owned()),
            about: conversation.about.as_str().to_owned(),
            avatar_media_id: conversation.avatar_media_id.map(Id::to_bson),
            created_by: conversation.created_by.to_bson(),
            created_at: date(conversation.created_at),
            pair: conversation.pair.map(|(a, b)| (a.to_bson(), b.to_bson())),
            fingerprint: conversation.fingerprint.as_ref().map(|hash| binary(hash)),
            deleted_at: conversation.deleted_at.map(date),
            remains: conversation.deleted_at.map(|_| true),
        }
    }

    /// Reads the conversation.
    ///
    /// # Errors
    /// [`RepositoryError`] if the kind is unknown or the fingerprint has the wrong length.
    pub(in crate::adapters::mongodb) fn into_conversation(self) -> Result<Conversation, RepositoryError> {
        Ok(Conversation {
            id: ConversationId::from_bson(self.id),
            kind: word(&self.kind, Kind::from_word)?,
            title: self.title.map(Title::from_stored),
            about: About::from_stored(self.about),
            avatar_media_id: self.avatar_media_id.map(Id::from_bson),
            created_by: UserId::from_bson(self.created_by),
            created_at: moment(self.created_at),
            pair: self.pair.map(|(a, b)| (UserId::from_bson(a), UserId::from_bson(b))),
            fingerprint: self.fingerprint.map(array).transpose()?,
            deleted_at: self.deleted_at.map(moment),
        })
    }
}

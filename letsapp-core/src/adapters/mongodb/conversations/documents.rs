//! Documents of conversations and members, and their conversion to and from the domain's types.

use mongodb::bson::{Binary, DateTime, Document, Uuid, doc};
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{Id, VERSION, array, binary, count, date, long, moment, word};
use crate::domain::conversation::{Conversation, Kind};
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::{Member, Preferences, Watermarks};
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::user::About;
use crate::domain::window::Window;
use crate::ports::RepositoryError;

/// A document of `conversations`.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct ConversationDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    v: i32,
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

/// Key of a document of `members`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct MemberKey {
    pub(in crate::adapters::mongodb) conversation: Uuid,
    pub(in crate::adapters::mongodb) user: Uuid,
}

/// A document of `members`: a present or former member, in the conversation's shard.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct MemberDocument {
    #[serde(rename = "_id")]
    key: MemberKey,
    v: i32,
    conversation_id: Uuid,
    pub(in crate::adapters::mongodb) user_id: Uuid,
    /// Word of the [`Role`].
    role: String,
    joined_at: DateTime,
    windows: Vec<WindowDocument>,
    /// Whether the user is a member now, that is, the last window is open. Stored so that an index selects by it.
    present: bool,
}

/// Key of a document of `memberships`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct MembershipKey {
    pub(in crate::adapters::mongodb) user: Uuid,
    pub(in crate::adapters::mongodb) conversation: Uuid,
}

/// A document of `memberships`: the copy in the user's shard, with the fields that members change by themselves.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct MembershipDocument {
    #[serde(rename = "_id")]
    key: MembershipKey,
    v: i32,
    user_id: Uuid,
    conversation_id: Uuid,
    role: String,
    joined_at: DateTime,
    windows: Vec<WindowDocument>,
    watermarks: WatermarksDocument,
    preferences: PreferencesDocument,
    /// Time of the last change of any other field by the clock of the server that made it. Only rises.
    changed_at: DateTime,
}

/// The other user of a direct conversation, embedded in a membership; empty in a group. Documents of older versions
/// have none.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct PeerDocument {
    #[serde(rename = "user_id", default, skip_serializing_if = "Option::is_none")]
    pub(in crate::adapters::mongodb) user: Option<Uuid>,
}

/// Builds the `$currentDate` of a change of a membership: the field `changed` is the cluster's time, which the server
/// takes when it writes.
pub(in crate::adapters::mongodb) fn changed() -> Document {
    doc! {"changed": {"$type": "timestamp"}}
}

/// A range of `seq` that a member may read.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct WindowDocument {
    /// First `seq`, included.
    from: i64,
    /// Last `seq`, included; absent while the user is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
}

/// Watermarks, embedded in a membership.
#[derive(Debug, Serialize, Deserialize)]
struct WatermarksDocument {
    /// Highest `seq` delivered to the user.
    delivered: i64,
    /// Highest `seq` read by the user.
    read: i64,
}

/// Preferences, embedded in a membership.
#[derive(Debug, Serialize, Deserialize)]
struct PreferencesDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    muted_until: Option<DateTime>,
    archived: bool,
    pinned: bool,
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

impl MemberKey {
    pub(in crate::adapters::mongodb) fn new(conversation_id: ConversationId, user_id: UserId) -> Self {
        Self {
            conversation: conversation_id.to_bson(),
            user: user_id.to_bson(),
        }
    }
}

impl MembershipKey {
    pub(in crate::adapters::mongodb) fn new(conversation_id: ConversationId, user_id: UserId) -> Self {
        Self {
            user: user_id.to_bson(),
            conversation: conversation_id.to_bson(),
        }
    }
}

impl From<MemberKey> for mongodb::bson::Bson {
    fn from(key: MemberKey) -> Self {
        Self::Document(doc! {"conversation": key.conversation, "user": key.user})
    }
}

impl From<MembershipKey> for mongodb::bson::Bson {
    fn from(key: MembershipKey) -> Self {
        Self::Document(doc! {"user": key.user, "conversation": key.conversation})
    }
}

impl MemberDocument {
    /// Returns the copy of a member for the conversation's shard.
    pub(in crate::adapters::mongodb) fn new(member: &Member) -> Self {
        Self {
            key: MemberKey::new(member.conversation_id, member.user_id),
            v: VERSION,
            conversation_id: member.conversation_id.to_bson(),
            user_id: member.user_id.to_bson(),
            role: member.role.as_str().to_owned(),
            joined_at: date(member.joined_at),
            windows: windows(&member.windows),
            present: member.is_in(),
        }
    }

    /// Returns the key of the other copy.
    pub(in crate::adapters::mongodb) fn membership(&self) -> MembershipKey {
        MembershipKey {
            user: self.user_id,
            conversation: self.conversation_id,
        }
    }

    /// Returns the record from the user's shard with role, date and windows of this copy.
    ///
    /// The two copies are read one after the other, and a change of membership in between shows in one of them only. A
    /// roster goes by this copy.
    pub(in crate::adapters::mongodb) fn decide(self, mut member: Member) -> Result<Member, RepositoryError> {
        member.role = word(&self.role, Role::from_word)?;
        member.joined_at = moment(self.joined_at);
        member.windows = self.windows.into_iter().map(Window::from).collect();
        Ok(member)
    }
}

impl MembershipDocument {
    /// Returns the copy of a member for the user's shard.
    pub(in crate::adapters::mongodb) fn new(member: &Member) -> Self {
        Self {
            key: MembershipKey::new(member.conversation_id, member.user_id),
            v: VERSION,
            user_id: member.user_id.to_bson(),
            conversation_id: member.conversation_id.to_bson(),
            role: member.role.as_str().to_owned(),
            joined_at: date(member.joined_at),
            windows: windows(&member.windows),
            watermarks: WatermarksDocument {
                delivered: long(member.watermarks.delivered.0),
                read: long(member.watermarks.read.0),
            },
            preferences: PreferencesDocument {
                muted_until: member.preferences.muted_until.map(date),
                archived: member.preferences.archived,
                pinned: member.preferences.pinned,
            },
            changed_at: date(member.changed_at),
        }
    }

    /// Returns the document's key.
    pub(in crate::adapters::mongodb) const fn key(&self) -> MembershipKey {
        self.key
    }

    /// Reads the member.
    ///
    /// # Errors
    /// [`RepositoryError`] if the role is unknown.
    pub(in crate::adapters::mongodb) fn into_member(self) -> Result<Member, RepositoryError> {
        Ok(Member {
            conversation_id: ConversationId::from_bson(self.conversation_id),
            user_id: UserId::from_bson(self.user_id),
            role: word(&self.role, Role::from_word)?,
            joined_at: moment(self.joined_at),
            windows: self.windows.into_iter().map(Window::from).collect(),
            watermarks: Watermarks {
                delivered: Seq(count(self.watermarks.delivered)),
                read: Seq(count(self.watermarks.read)),
            },
            preferences: Preferences {
                muted_until: self.preferences.muted_until.map(moment),
                archived: self.preferences.archived,
                pinned: self.preferences.pinned,
            },
            changed_at: moment(self.changed_at),
        })
    }

    /// Builds the upsert that writes role, date and windows. Watermarks and preferences are set on insert only, because
    /// the member may have changed them since the record was read.
    pub(in crate::adapters::mongodb) fn membership_changes(
        self,
        peer: PeerDocument,
    ) -> mongodb::bson::error::Result<Document> {
        let mut all = mongodb::bson::serialize_to_document(&self)?;
        let mut set = doc! {"peer": mongodb::bson::serialize_to_bson(&peer)?};
        for field in ["role", "joined_at", "windows"] {
            if let Some(value) = all.remove(field) {
                set.insert(field, value);
            }
        }
        all.remove("_id");
        all.remove("changed_at");
        Ok(doc! {
            "$set": set,
            "$max": {"changed_at": self.changed_at},
            "$currentDate": changed(),
            "$setOnInsert": all,
        })
    }
}

impl From<WindowDocument> for Window {
    fn from(window: WindowDocument) -> Self {
        Self {
            from: Seq(count(window.from)),
            to: window.to.map(|to| Seq(count(to))),
        }
    }
}

fn windows(windows: &[Window]) -> Vec<WindowDocument> {
    let write = |window: &Window| WindowDocument {
        from: long(window.from.0),
        to: window.to.map(|to| long(to.0)),
    };
    windows.iter().map(write).collect()
}

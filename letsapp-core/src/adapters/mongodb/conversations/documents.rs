//! Documents of conversations and members, and their conversion to and from the domain's types.

use mongodb::bson::{Binary, DateTime, Document, Uuid, doc};
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{
    DocumentVersion, Id, VERSION, array, binary, count, date, limited, long, moment, word,
};
use crate::domain::conversation::{Conversation, Kind};
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::member::{Member, Preferences, Watermarks};
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::user::About;
use crate::domain::window::Window;
use crate::ports::RepositoryError;

/// Key of a document of `pairs`: two users, the lower id first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct PairKey {
    a: Uuid,
    b: Uuid,
}

/// A document of `pairs`: the claim of two users on their direct conversation.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct PairDocument {
    #[serde(rename = "_id")]
    pub(in crate::adapters::mongodb) key: PairKey,
    v: DocumentVersion,
    pub(in crate::adapters::mongodb) conversation_id: Uuid,
}

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
    v: DocumentVersion,
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
    v: DocumentVersion,
    user_id: Uuid,
    conversation_id: Uuid,
    role: String,
    joined_at: DateTime,
    windows: Vec<WindowDocument>,
    watermarks: WatermarksDocument,
    preferences: PreferencesDocument,
    /// State that a former member continues to see; absent while the user is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    departure: Option<DepartureDocument>,
    /// Time of the last change of any other field by the clock of the server that made it. Only rises.
    changed_at: DateTime,
}

/// The other user of a direct conversation, embedded in a membership; empty in a group. A migration adds it to documents
/// of older versions.
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
pub(super) struct WatermarksDocument {
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

/// State of a conversation when a member left, embedded in a membership.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct DepartureDocument {
    at: DateTime,
    seq: i64,
    rev: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar_media_id: Option<Uuid>,
    member_count: i64,
    listed: bool,
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

impl PairKey {
    pub(in crate::adapters::mongodb) fn new((low, high): (UserId, UserId)) -> Self {
        Self {
            a: low.to_bson(),
            b: high.to_bson(),
        }
    }

    pub(in crate::adapters::mongodb) fn pair(self) -> (UserId, UserId) {
        (UserId::from_bson(self.a), UserId::from_bson(self.b))
    }
}

impl PairDocument {
    pub(in crate::adapters::mongodb) fn new(pair: (UserId, UserId), conversation_id: ConversationId) -> Self {
        Self {
            key: PairKey::new(pair),
            v: VERSION,
            conversation_id: conversation_id.to_bson(),
        }
    }
}

impl From<PairKey> for mongodb::bson::Bson {
    fn from(key: PairKey) -> Self {
        Self::Document(doc! {"a": key.a, "b": key.b})
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
            departure: member.departure.as_deref().map(DepartureDocument::from),
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
        let mut member = Member {
            conversation_id: ConversationId::from_bson(self.conversation_id),
            user_id: UserId::from_bson(self.user_id),
            role: word(&self.role, Role::from_word)?,
            joined_at: moment(self.joined_at),
            windows: self.windows.into_iter().map(Window::from).collect(),
            watermarks: self.watermarks.into(),
            preferences: Preferences {
                muted_until: self.preferences.muted_until.map(moment),
                archived: self.preferences.archived,
                pinned: self.preferences.pinned,
            },
            departure: None,
            changed_at: moment(self.changed_at),
        };
        // An older server that lets the user in or out beside this one leaves the departure of before.
        let departure = self.departure.map(Departure::from);
        member.departure = departure.filter(|departure| member.left_with(departure)).map(Box::new);
        Ok(member)
    }

    /// Builds the upsert that writes role, date, windows, departure and peer. Watermarks and preferences are set on
    /// insert only, because the member may have changed them since the record was read.
    pub(in crate::adapters::mongodb) fn membership_changes(
        self,
        peer: PeerDocument,
    ) -> mongodb::bson::error::Result<Document> {
        let mut all = mongodb::bson::serialize_to_document(&self)?;
        let mut set = doc! {"peer": mongodb::bson::serialize_to_bson(&peer)?};
        for field in ["role", "joined_at", "windows", "departure"] {
            if let Some(value) = all.remove(field) {
                set.insert(field, value);
            }
        }
        all.remove("_id");
        all.remove("changed_at");
        let mut changes = doc! {
            "$max": {"changed_at": self.changed_at},
            "$currentDate": changed(),
            "$setOnInsert": all,
        };
        if self.departure.is_none() {
            changes.insert("$unset", doc! {"departure": ""});
        }
        changes.insert("$set", set);
        Ok(changes)
    }
}

impl From<&Departure> for DepartureDocument {
    fn from(departure: &Departure) -> Self {
        Self {
            at: date(departure.at),
            seq: long(departure.seq.0),
            rev: long(departure.rev.0),
            title: departure.title.as_ref().map(|title| title.as_str().to_owned()),
            about: departure.about.as_str().to_owned(),
            avatar_media_id: departure.avatar_media_id.map(Id::to_bson),
            member_count: limited(departure.member_count),
            listed: departure.listed,
        }
    }
}

impl From<DepartureDocument> for Departure {
    fn from(document: DepartureDocument) -> Self {
        Self {
            at: moment(document.at),
            seq: Seq(count(document.seq)),
            rev: Rev(count(document.rev)),
            title: document.title.map(Title::from_stored),
            about: About::from_stored(document.about),
            avatar_media_id: document.avatar_media_id.map(Id::from_bson),
            member_count: usize::try_from(document.member_count).unwrap_or(0),
            listed: document.listed,
        }
    }
}

impl From<WatermarksDocument> for Watermarks {
    fn from(watermarks: WatermarksDocument) -> Self {
        Self {
            delivered: Seq(count(watermarks.delivered)),
            read: Seq(count(watermarks.read)),
        }
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

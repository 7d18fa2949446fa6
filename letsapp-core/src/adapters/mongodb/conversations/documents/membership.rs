//! Document of `memberships`, the copy of a member by user.

use mongodb::bson::{DateTime, Document, Uuid, doc};
use serde::{Deserialize, Serialize};

use super::departure::DepartureDocument;
use super::window::{WindowDocument, windows};
use crate::adapters::mongodb::fields::{DocumentVersion, Id, VERSION, count, date, long, moment, word};
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::{Member, Preferences, Watermarks};
use crate::domain::role::Role;
use crate::domain::window::Window;
use crate::ports::RepositoryError;

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

/// Watermarks, embedded in a membership.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::adapters::mongodb::conversations) struct WatermarksDocument {
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

/// Builds the `$currentDate` of a change of a membership: the field `changed` is the cluster's time, which the server
/// takes when it writes.
pub(in crate::adapters::mongodb) fn changed() -> Document {
    doc! {"changed": {"$type": "timestamp"}}
}

impl MembershipKey {
    pub(in crate::adapters::mongodb) fn new(conversation_id: ConversationId, user_id: UserId) -> Self {
        Self {
            user: user_id.to_bson(),
            conversation: conversation_id.to_bson(),
        }
    }
}

impl From<MembershipKey> for mongodb::bson::Bson {
    fn from(key: MembershipKey) -> Self {
        Self::Document(doc! {"user": key.user, "conversation": key.conversation})
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

impl From<WatermarksDocument> for Watermarks {
    fn from(watermarks: WatermarksDocument) -> Self {
        Self {
            delivered: Seq(count(watermarks.delivered)),
            read: Seq(count(watermarks.read)),
        }
    }
}

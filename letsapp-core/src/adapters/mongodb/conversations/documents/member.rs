//! Document of `members`, the copy of a member by conversation.

use mongodb::bson::{DateTime, Uuid, doc};
use serde::{Deserialize, Serialize};

use super::membership::MembershipKey;
use super::window::{WindowDocument, windows};
use crate::adapters::mongodb::fields::{DocumentVersion, Id, VERSION, date, moment, word};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::Member;
use crate::domain::role::Role;
use crate::domain::window::Window;
use crate::ports::RepositoryError;

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

impl MemberKey {
    pub(in crate::adapters::mongodb) fn new(conversation_id: ConversationId, user_id: UserId) -> Self {
        Self {
            conversation: conversation_id.to_bson(),
            user: user_id.to_bson(),
        }
    }
}

impl From<MemberKey> for mongodb::bson::Bson {
    fn from(key: MemberKey) -> Self {
        Self::Document(doc! {"conversation": key.conversation, "user": key.user})
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

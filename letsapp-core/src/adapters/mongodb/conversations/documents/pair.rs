//! Document of `pairs`.

use mongodb::bson::{Uuid, doc};
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{DocumentVersion, Id, VERSION};
use crate::domain::id::{ConversationId, UserId};

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

impl From<PairKey> for mongodb::bson::Bson {
    fn from(key: PairKey) -> Self {
        Self::Document(doc! {"a": key.a, "b": key.b})
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

//! What changed since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConversationId, Rev};
use crate::domain::timestamp::Timestamp;
use crate::protocol::conversation::Conversation;
use crate::protocol::message::Message;

/// What a client that comes back holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncRequest {
    /// How far it has followed each conversation that it knows.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, u64>))]
    pub conversations: BTreeMap<ConversationId, Rev>,
    /// The `server_time` of its last sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// All that changed since, for a client coming back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sync {
    /// Those that are new or changed.
    pub conversations: Vec<Conversation>,
    /// Those that one has left, or never saw.
    pub removed: Vec<ConversationId>,
    /// Changed messages of conversations that were named, in order of `rev` within each.
    pub changes: Vec<Message>,
    /// What to send next time.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, u64>))]
    pub positions: BTreeMap<ConversationId, Rev>,
    /// Those with too many changes to list: read their history anew.
    pub reset: Vec<ConversationId>,
    /// Whether there is more: ask again with the new positions.
    pub more: bool,
    /// What to send as `since` next time.
    pub server_time: Timestamp,
}

/// The messages of a conversation that changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changes {
    /// Each changed message once, in its present state, in order of `rev`.
    pub items: Vec<Message>,
    /// What to send as `cursor` for the next part; null on the last.
    pub next_cursor: Option<String>,
    /// What to ask after next time.
    pub rev: Rev,
}

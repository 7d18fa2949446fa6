//! Synchronisation: changes since a client was last connected.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConversationId, Epoch, Rev};
use crate::domain::timestamp::Timestamp;
use crate::protocol::conversation::Conversation;
use crate::protocol::message::Message;
use crate::protocol::sync_mark::{SyncMark, SyncSince};

/// State of a client before a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncRequest {
    /// For each conversation that the client has, the number of the last change it knows: the `positions` of the
    /// previous sync, advanced by events.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::protocol::schemas::Positions))]
    pub conversations: BTreeMap<ConversationId, Rev>,
    /// `mark` of the previous sync; omitted in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<SyncSince>,
}

/// All changes since the client's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sync {
    /// Conversations that are new or changed, in their current state. An answer is at most about 4 MiB long; with `more`,
    /// the others follow.
    pub conversations: Vec<Conversation>,
    /// Conversations that the user has left or has no access to.
    pub removed: Vec<ConversationId>,
    /// Changed messages of the conversations that the client named, in their current state, in order of `rev` within
    /// each conversation.
    pub changes: Vec<Message>,
    /// Value of `conversations` for the next sync.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::protocol::schemas::Positions))]
    pub positions: BTreeMap<ConversationId, Rev>,
    /// Conversations with too many changes to list, or in which the client was further than the server, whose store was
    /// restored. The client discards their messages and reads their history again.
    pub reset: Vec<ConversationId>,
    /// Whether there are more changes. The client syncs again at once, with the new positions and the new mark.
    pub more: bool,
    /// Value of `since` for the next sync, opaque. With `more`, it covers what was listed.
    pub mark: SyncMark,
    /// Current time of the server's clock.
    pub server_time: Timestamp,
    /// Epoch of the store, opaque, as in the event `hello`. Another one than before means that the store was restored:
    /// the client forgets its positions and asks for everything anew.
    pub epoch: Epoch,
}

/// Changed messages of one conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changes {
    /// Changed messages, each once and in its current state, in order of `rev`.
    pub items: Vec<Message>,
    /// Value of the parameter `cursor` for the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// Number up to which all changes have been returned, to continue after next time.
    pub rev: Rev,
}

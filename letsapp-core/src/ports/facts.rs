//! Facts that other servers have to learn of, beside the events for users.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConnectionId, ConversationId, Seq, SessionId, UserId};
use crate::domain::timestamp::Timestamp;

/// A change on one server that matters to the caches and connections of the others. It says what to look at again; the
/// store has the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A group has a new roster. Rosters below its fence are outdated.
    RosterChanged {
        /// The conversation.
        conversation_id: ConversationId,
        /// The fence after the change.
        fence: Seq,
    },
    /// A conversation is new to some users, or has changed for them. Each server shows it to those who are connected to
    /// it, as they see it.
    ConversationShown {
        /// The conversation.
        conversation_id: ConversationId,
        /// The users, each once.
        viewers: Arc<[UserId]>,
        /// Meaning of the conversation to them.
        news: News,
        /// The connection that learns of it by a reply.
        except: Option<ConnectionId>,
    },
    /// Sessions of a user have ended.
    SessionsEnded {
        /// The user.
        user_id: UserId,
        /// The sessions.
        session_ids: Arc<[SessionId]>,
        /// Reason, as it is sent to the clients.
        reason: String,
    },
    /// A user has changed their profile, or who may see what of it.
    UserChanged {
        /// The user.
        user_id: UserId,
    },
    /// A contact may have been added to a list or removed from it.
    ContactChanged {
        /// The user whose list it is.
        owner_id: UserId,
        /// The contact.
        user_id: UserId,
        /// Whether the list has the contact now.
        listing: Listing,
    },
    /// A block may have been added or removed.
    BlockChanged {
        /// The user who blocks or blocked.
        owner_id: UserId,
        /// The other user.
        user_id: UserId,
        /// Direct conversation of both, if it is known.
        conversation_id: Option<ConversationId>,
    },
    /// A user can write nowhere any more, since the account is erased.
    UserErased {
        /// The user.
        user_id: UserId,
    },
    /// A user is shown online because of a connection to the server that says so.
    Online {
        /// The user.
        user_id: UserId,
    },
    /// A user is no longer shown online because of the server that says so.
    Offline {
        /// The user.
        user_id: UserId,
        /// Time at which the last connection closed.
        left_at: Timestamp,
    },
}

/// Meaning of a conversation to the users to whom it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// New to them.
    Created,
    /// Changed for them.
    Updated,
}

/// The state of a contact after a change of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// The user is on the list.
    Listed,
    /// The user is no longer on the list.
    Unlisted,
    /// The list may or may not have changed: the store failed.
    Unknown,
}

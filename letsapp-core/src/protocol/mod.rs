//! The wire protocol: JSON types of requests, replies, events and errors.
//!
//! Shared by the server, the command line and other servers and clients. Sending and deciding happen elsewhere.

mod contact;
mod conversation;
mod event;
mod fault;
pub mod fields;
mod frame;
mod media;
mod message;
mod presence;
mod problem;
pub mod requests;
#[cfg(feature = "openapi")]
pub mod schemas;
mod search;
mod session;
mod sync;
mod sync_mark;
mod system;
#[cfg(test)]
mod tests;
mod user;

pub use contact::{Block, Contact};
pub use conversation::{Conversation, ConversationHead, Me, Member, Receipt, Watermarks};
pub use event::{Event, Hello};
pub use frame::{Frame, Op, Reply, ReplyResult, Request};
pub use media::{Attachment, Media, MediaUrl, Seconds, Status, Thumbnail};
pub use message::{Message, MessageKind, MessageReceipt, ReactionSummary, ReceiptStatus, UserReaction};
pub use presence::{Presence, PresenceStatus};
pub use problem::{Code, FieldError, MAX_ECHO, MAX_ERRORS, Problem, echo};
pub use requests::{
    AddMembers, AtMessage, ChangePassword, ChangeRole, CreateConversation, DeleteAccount, EditMessage, InConversation,
    Login, Nothing, Password, PutContact, React, ReceiptRequest, Refresh, RefreshToken, Register, SearchMessages,
    SendMessage, SetTyping, SettingsPatch, UpdateConversation, UpdateMe, UpdateMyConversation, WatchPresence,
};
pub use search::{Highlight, SearchHit, SearchResults};
pub use session::{SessionInfo, SignedIn, TokenType, Tokens};
pub use sync::{Changes, Sync, SyncRequest};
pub use sync_mark::{InvalidMark, SyncMark, SyncSince};
pub use system::SystemEvent;
pub use user::{LastSeen, MyProfile, Settings, User};

use serde::{Deserialize, Serialize};

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct List<T> {
    /// Items, in the order of the list.
    pub items: Vec<T>,
    /// Value of the parameter `cursor` for the next page; null on the last page.
    pub next_cursor: Option<String>,
}

/// A complete list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Items<T> {
    /// All items.
    pub items: Vec<T>,
}

//! Conversations: direct and groups, their members and roles, and the lanes by which they change.
//!
//! What this module is not: the place of what is said in them, see [`messages`](crate::messages).

mod access;
mod barrier;
mod creation;
pub(crate) mod dating;
mod error;
#[cfg(test)]
pub(crate) mod fixtures;
mod informed;
pub(crate) mod lane;
mod member;
mod model;
mod permission;
pub(crate) mod ports;
mod reading;
pub(crate) mod receipts;
mod repository;
pub(crate) mod rosters;
pub(crate) mod service;
mod sync;
pub(crate) mod view;

pub(crate) use access::{Access, Granted};
pub use error::{ConversationError, Forbidden};
pub(crate) use lane::Refusal;
pub use member::{Member, MemberChange, Preferences, PreferencesPatch, Role, Span, Watermarks, Window};
pub use model::{Conversation, Head, Kind, MAX_MEMBERS, Roster};
pub use reading::{ListPosition, MemberPosition};
pub use repository::{Advance, Advanced, ConversationRepository, Creation};
pub use service::{ConversationService, Made};

#[cfg(test)]
pub use repository::MockConversationRepository;

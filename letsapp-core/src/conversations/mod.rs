//! Conversations: direct and groups, their members and roles, and the lanes by which they change.

//WIP mod error;
//WIP pub(crate) mod lane;
mod model;
mod repository;
//WIP mod service;

//WIP pub use error::ConversationError;
pub use model::{
    Conversation, Head, Kind, Member, MemberChange, Preferences, PreferencesPatch, Role, Roster, Span, Watermarks,
    Window,
};
pub use repository::{Advance, Advanced, ConversationRepository, Creation};
//WIP pub use service::ConversationService;

#[cfg(test)]
pub use repository::MockConversationRepository;

//! The application services: what a signed-in user can do.
//!
//! HTTP routes, socket operations and embedding programs call the same methods, so there is one set of rules. A service
//! never calls another; all share the running parts in [`engine`](crate::engine).

pub mod auth;
pub mod contacts;
pub mod conversations;
pub mod erasure;
mod made;
pub mod messages;
pub mod presence;
pub mod typing;
pub mod users;

pub use crate::engine::error::{AuthError, ConversationError, Forbidden};
pub use auth::AuthService;
pub use contacts::{ContactError, ContactService};
pub use conversations::ConversationService;
pub use erasure::ErasureService;
pub use made::Made;
pub use messages::{MessageService, Sent};
pub use presence::{PresenceError, PresenceService};
pub use typing::TypingService;
pub use users::{UserError, UserService};

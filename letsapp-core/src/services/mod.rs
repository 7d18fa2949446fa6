//! The application services: every operation that a user can perform, by feature.
//!
//! HTTP routes, socket operations and embedding programs call the same methods, so that all follow the same rules.
//! A service never calls another; all share the running parts in [`engine`](crate::engine).
//!
//! Most methods take a [`Principal`](crate::domain::principal::Principal). In their documentation, *the caller* is the
//! user whom it names. Methods that change a conversation or its messages also take `origin`, the connection over which
//! the request came: it gets no event for the change, as it already gets the reply. `None` sends the event to all
//! connections of the caller.

pub mod auth;
pub mod contacts;
pub mod conversations;
pub mod erasure;
mod made;
pub mod media;
pub mod messages;
pub mod presence;
pub mod typing;
pub mod users;

pub use crate::engine::error::{AuthError, ConversationError, Forbidden};
pub use crate::engine::media::MediaError;
pub use auth::AuthService;
pub use contacts::{ContactError, ContactService};
pub use conversations::ConversationService;
pub use erasure::ErasureService;
pub use made::Made;
pub use media::MediaService;
pub use messages::{MessageService, Sent};
pub use presence::{PresenceError, PresenceService};
pub use typing::TypingService;
pub use users::{UserError, UserService};

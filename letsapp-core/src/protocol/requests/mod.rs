//! What clients ask: one type per request body and socket operation, its fields already of the domain's types.
//!
//! Servers read them with [`FromFields`](crate::protocol::fields::FromFields); clients write them with serde.

mod auth;
mod conversations;
mod messages;
mod secret;
mod socket;
mod sync;
mod users;

pub use auth::{ChangePassword, DeleteAccount, Login, Refresh, Register};
pub use conversations::{AddMembers, ChangeRole, CreateConversation, UpdateConversation, UpdateMyConversation};
pub use messages::{EditMessage, ReceiptRequest, SendMessage};
pub use secret::{Password, RefreshToken};
pub use socket::{AtMessage, InConversation, Nothing, React};
pub use users::{SettingsPatch, UpdateMe};

#[cfg(test)]
mod tests;

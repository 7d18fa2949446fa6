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

pub use auth::{ChangePassword, Login, Refresh, Register};
pub use conversations::{AddMembers, ChangeRole, CreateConversation, UpdateConversation, UpdateMyConversation};
pub use messages::{EditMessage, ReceiptRequest, SendMessage};
pub use secret::{Password, RefreshToken};
pub use socket::{AtMessage, InConversation, Nothing, React};
pub use users::{SettingsPatch, UpdateMe};

use serde::Serializer;

/// Writes a thing as the text that it displays as.
fn displayed<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests;

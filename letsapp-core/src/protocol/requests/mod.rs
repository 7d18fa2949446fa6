//! Requests of clients: one type per request body and socket operation, with fields of domain types.
//!
//! Servers read them with [`FromFields`](crate::protocol::fields::FromFields); clients write them with serde.

mod auth;
mod contacts;
mod conversations;
mod media;
mod messages;
mod search;
mod secret;
mod socket;
mod sync;
mod users;

pub use auth::{ChangePassword, DeleteAccount, Login, Refresh, Register};
pub use contacts::PutContact;
pub use conversations::{AddMembers, ChangeRole, CreateConversation, UpdateConversation, UpdateMyConversation};
pub use media::MediaUrlRequest;
pub use messages::{EditMessage, ReceiptRequest, SendMessage};
pub use search::SearchMessages;
pub use secret::{Password, RefreshToken};
pub use socket::{AtMessage, InConversation, Nothing, React, SetTyping, WatchPresence};
pub use users::{SettingsPatch, UpdateMe};

#[cfg(test)]
mod tests;

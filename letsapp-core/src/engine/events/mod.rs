//! Events: encoding them and delivering them to the connections of this server.
//!
//! Events are published after the commit and delivered at most once, so nothing may depend on their delivery. A client
//! fetches missed changes by [`changes`](crate::services::messages::MessageService::changes) and
//! [`sync`](crate::services::conversations::ConversationService::sync).

mod encoded;
mod excluded;
mod hub;
mod outbox;
#[cfg(test)]
mod tests;

pub use encoded::{Delivery, EncodedEvent};
pub(crate) use excluded::ExcludedConnection;
pub(crate) use hub::ConnectionObserver;
pub use hub::{Connection, Hub};
pub use outbox::{Closed, Outbox};

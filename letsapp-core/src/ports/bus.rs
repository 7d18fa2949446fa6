//! The bus between the servers that share a store: messages to one server or to all, and the directory of which server
//! holds which users' connections.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::domain::id::{ServerId, UserId};
use crate::ports::error::BoxError;

/// Connects the servers that share a store.
///
/// A bus carries messages, each at most once: one may be lost, but is never delivered twice. Messages of one server on
/// one [`Channel`] arrive in the order in which they were sent. Nothing is promised across channels.
///
/// A bus also keeps the directory: the users who have a connection to each server. The entries of a server live as long
/// as its lease, which the bus itself judges, never the clock of a server.
///
/// The engine numbers its messages, so that receivers notice what is lost, and asks clients to sync then. An
/// implementation needs no acknowledgements and no memory of past messages.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Opens the inbox of a server. All messages to it and to everyone arrive in the returned stream, if they were sent
    /// after this method returned. The stream ends when the bus can't go on; the caller then joins again. Dropping it
    /// leaves the bus.
    ///
    /// # Errors
    /// [`BusError`] when the bus does not answer.
    async fn join(&self, server_id: ServerId) -> Result<BoxStream<'static, Incoming>, BusError>;

    /// Sends messages, in this order. Returns once the bus has taken all of them, which does not mean that anybody has
    /// received them.
    ///
    /// # Errors
    /// [`BusError`] when the bus does not answer. Each message may or may not be delivered.
    async fn send(&self, messages: Vec<BusMessage>) -> Result<(), BusError>;

    /// Takes or renews the lease of a server, until `ttl` from now by the time of the bus.
    ///
    /// # Errors
    /// [`BusError`] when the bus does not answer.
    async fn renew(&self, server_id: ServerId, ttl: Duration) -> Result<Lease, BusError>;

    /// Enters users into the directory as connected to a server. Once it returns, every [`locate`](Self::locate) that
    /// begins finds them, as long as the server's lease lives.
    ///
    /// # Errors
    /// [`BusError`] when the bus does not answer. Each user may or may not be entered.
    async fn enter(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError>;

    /// Removes users of a server from the directory. Users who are not in it are ignored.
    ///
    /// # Errors
    /// [`BusError`] when the bus does not answer. Each user may or may not be removed.
    async fn leave(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError>;

    /// Returns for each user the servers that the user is connected to, in any order. Servers whose lease has expired
    /// may be among them until they are [retired](Self::retire).
    ///
    /// # Errors
    /// [`BusError`] when the bus does not answer.
    async fn locate(&self, user_ids: &[UserId]) -> Result<Vec<Vec<ServerId>>, BusError>;

    /// Returns the servers that ever took a lease and are not retired, in any order.
    ///
    /// # Errors
    /// [`BusError`] when the bus does not answer.
    async fn servers(&self) -> Result<Vec<Peer>, BusError>;

    /// Returns up to `limit` users of a server, those after `after` in the order of their ids.
    ///
    /// # Errors
    /// [`BusError`] when the bus does not answer.
    async fn users_of(&self, server_id: ServerId, after: Option<UserId>, limit: usize)
    -> Result<Vec<UserId>, BusError>;

    /// Removes a server with its lease and all of its entries. Repeating the call, also concurrently, is safe.
    ///
    /// # Errors
    /// [`BusError`] when the bus does not answer. Some entries may have been removed.
    async fn retire(&self, server_id: ServerId) -> Result<(), BusError>;
}

/// A message for other servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusMessage {
    /// The receivers.
    pub channel: Channel,
    /// The content, opaque to the bus: at most [`MAX_MESSAGE_BYTES`].
    pub bytes: Bytes,
}

/// Largest message that a bus must carry: 1 MiB and a half, well below the limits of Redis (512 MiB) and of a document in
/// MongoDB (16 MiB).
pub const MAX_MESSAGE_BYTES: usize = 3 << 19;

/// The servers that receive a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// The inbox of one server.
    Inbox(ServerId),
    /// All servers, the sender included.
    Everyone,
}

/// Something that arrives from the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A message to this server or to everyone.
    Message(BusMessage),
    /// Messages may have been lost, for example because the connection to the bus was interrupted.
    Interrupted,
}

/// The state of a server's lease after it was renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The lease went on without a gap, and the server's entries stand.
    Renewed,
    /// No lease was there: it is the first, it had expired, or the bus has lost its data. The directory holds no entry of
    /// the server that can be relied on, so that all have to be entered again.
    New,
}

/// A server as the bus knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The server.
    pub id: ServerId,
    /// Whether its lease is valid.
    pub is_alive: bool,
}

/// The bus has failed. It may work again later.
#[derive(Debug, thiserror::Error)]
#[error("the event bus is unavailable")]
pub struct BusError(#[source] BoxError);

impl BusError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}

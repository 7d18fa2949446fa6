//! The event bus carries encoded events to the connections of all servers.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::id::{ConnectionId, SessionId, UserId};

/// Carries events to the connections of every server that shares the bus.
pub trait EventBus: Send + Sync {
    /// Publishes an event without waiting for its delivery. Events published one after the other reach each connection
    /// of this server in that order.
    fn publish(&self, envelope: Envelope);
}

/// An event as bytes, shared by all connections that receive it.
pub trait Payload: fmt::Debug + Send + Sync {
    /// Returns the frame that carries the event: UTF-8 JSON, encoded at most once.
    fn frame(&self) -> &Bytes;
}

impl Payload for Bytes {
    fn frame(&self) -> &Bytes {
        self
    }
}

/// An event with its address.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The connections that receive the event.
    pub audience: Audience,
    /// The event itself, shared by all of its receivers.
    pub payload: Arc<dyn Payload>,
}

/// The receivers of an event.
#[derive(Clone, Debug)]
pub enum Audience {
    /// Every connection of these users, except at most one.
    Users {
        /// The users, each once.
        ids: Arc<[UserId]>,
        /// The connection that gets no event, because the reply to its own request tells it the same.
        except: Option<ConnectionId>,
    },
    /// A single connection.
    Connection {
        /// The user that the connection belongs to.
        user_id: UserId,
        /// The connection.
        connection_id: ConnectionId,
    },
    /// The connections of a session that has ended. The bus closes them after this event.
    EndOfSession {
        /// The user that the session belonged to.
        user_id: UserId,
        /// The session that has ended.
        session_id: SessionId,
    },
}

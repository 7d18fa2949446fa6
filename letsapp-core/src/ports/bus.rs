//! The event bus: carries encoded events to the connections of all servers.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::id::{ConnectionId, SessionId, UserId};

/// Carries events to the connected of every server that shares the bus.
pub trait EventBus: Send + Sync {
    /// Hands an event on without waiting. Events published one after the other reach each connection of this server in
    /// that order.
    fn publish(&self, envelope: Envelope);
}

/// An event as bytes, shared by all who receive it.
pub trait Payload: fmt::Debug + Send + Sync {
    /// Returns the frame that carries the event: UTF-8 JSON. Encoded at most once.
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
    /// Whom it is for.
    pub audience: Audience,
    /// What happened.
    pub payload: Arc<dyn Payload>,
}

/// Whom an event is for.
#[derive(Clone, Debug)]
pub enum Audience {
    /// Every connection of these users, but one.
    Users {
        /// The users, each once.
        ids: Arc<[UserId]>,
        /// The connection that has learnt it by other means.
        except: Option<ConnectionId>,
    },
    /// The connections of a session that is over; they end behind this event.
    EndOfSession {
        /// Whose session.
        user_id: UserId,
        /// Which.
        session_id: SessionId,
    },
}

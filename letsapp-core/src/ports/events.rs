//! Events on their way to the connections of users, on whichever server these are.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::id::{ConnectionId, ConversationId, Seq, SessionId, UserId};
use crate::ports::facts::Fact;

/// Delivers events to the connections of users.
pub trait EventSink: Send + Sync {
    /// Publishes an event without waiting for its delivery. Events published one after the other reach each connection
    /// of this server in that order.
    fn publish(&self, envelope: Envelope);

    /// Tells other servers of a fact, in order with the events. A single server has nobody to tell.
    fn announce(&self, fact: Fact) {
        drop(fact);
    }
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
        /// The members of a conversation that these users are, if they can be named so: a large audience then travels
        /// between servers by its name.
        members: Option<Members>,
    },
    /// A single connection.
    Connection {
        /// The user that the connection belongs to.
        user_id: UserId,
        /// The connection.
        connection_id: ConnectionId,
    },
    /// The connections of a session that has ended. They are closed after this event.
    EndOfSession {
        /// The user that the session belonged to.
        user_id: UserId,
        /// The session that has ended.
        session_id: SessionId,
    },
}

/// Some or all members of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Members {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The fence of the roster that lists them. A roster above it may be used too.
    pub fence: Seq,
    /// The part of the members.
    pub part: Part,
    /// A user beside them, who is a member no longer.
    pub also: Option<UserId>,
}

/// A part of the members of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All members.
    All,
    /// The members who see the message at this position.
    Seeing(Seq),
    /// The members who don't see the message at this position.
    Blind(Seq),
    /// All members but one.
    Without(UserId),
}

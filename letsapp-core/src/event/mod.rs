//! How what happened reaches the connected: events, whom they are for, and the bus that carries them.
//!
//! Events are published after the commit, at most once. Nothing that must not be lost rests on them: what a
//! connection missed it learns by [`changes`](crate::messages::MessageService::changes) and
//! [`sync`](crate::conversations::ConversationService::sync).

mod hub;
mod outbox;
#[cfg(test)]
mod tests;

pub use hub::{Connection, Hub};
pub use outbox::{Closed, Outbox};

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::auth::Principal;
use crate::id::{ConnectionId, SessionId, UserId};
use crate::protocol;
pub use crate::protocol::Event;

/// Carries events to the connected of every server that shares the bus.
pub trait EventBus: Send + Sync {
    /// Hands an event on without waiting. Events published one after the other reach each connection of this server in
    /// that order.
    fn publish(&self, envelope: Envelope);
}

/// Hears of the connections of a server as they come and go.
pub(crate) trait Attendance: Send + Sync {
    /// A connection comes: what is published from here on may reach it.
    fn came(&self, principal: Principal, connection_id: ConnectionId);

    /// A connection is gone, or is told nothing more because its session is over. Of one connection it may be said
    /// twice.
    fn went(&self, connection_id: ConnectionId);
}

/// An event with its address.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Whom it is for.
    pub audience: Audience,
    /// What happened.
    pub event: Arc<Shared>,
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

impl Envelope {
    /// Addresses an event to users.
    pub fn to_users(ids: impl Into<Arc<[UserId]>>, except: Option<ConnectionId>, event: Event) -> Self {
        Self {
            audience: Audience::Users {
                ids: ids.into(),
                except,
            },
            event: Arc::new(Shared::new(event)),
        }
    }

    /// Tells a session that it is over.
    pub fn end_of_session(user_id: UserId, session_id: SessionId, reason: &str) -> Self {
        Self {
            audience: Audience::EndOfSession { user_id, session_id },
            event: Arc::new(Shared::new(Event::SessionRevoked {
                reason: reason.to_owned(),
            })),
        }
    }
}

/// An event shared by all who get it, and its frame, encoded once for all of them.
#[derive(Debug)]
pub struct Shared {
    event: Event,
    frame: OnceLock<Bytes>,
}

/// Room for most events, so that a frame does not move while it is written.
const FRAME: usize = 768;

impl Shared {
    /// Shares an event.
    pub const fn new(event: Event) -> Self {
        Self {
            event,
            frame: OnceLock::new(),
        }
    }

    /// Returns the event.
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// Returns the new message that it tells of; `None` of other events.
    pub(crate) const fn message(&self) -> Option<&protocol::Message> {
        match &self.event {
            Event::MessageCreated(message) => Some(message),
            _ => None,
        }
    }

    /// Returns the JSON of the new message that it tells of, as it stands in the frame; `None` of other events.
    pub(crate) fn message_json(&self) -> Option<&[u8]> {
        const BEFORE: &[u8] = br#"{"event":"message.created","data":"#;
        self.frame().strip_prefix(BEFORE)?.strip_suffix(b"}")
    }

    /// Returns the event as the socket carries it: UTF-8 JSON.
    ///
    /// # Panics
    /// If an event can't be written as JSON, which is a fault of its type.
    pub fn frame(&self) -> &Bytes {
        self.frame.get_or_init(|| {
            let mut frame = Vec::with_capacity(FRAME);
            serde_json::to_writer(&mut frame, &self.event).expect("events are plain data");
            frame.into()
        })
    }
}

//! Events on their way from the publisher to the connections.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::domain::id::{ConnectionId, SessionId, UserId};
use crate::ports::{Audience, Envelope, Payload};
use crate::protocol;
use crate::protocol::Event;

impl Envelope {
    /// Addresses an event to users.
    pub fn to_users(ids: impl Into<Arc<[UserId]>>, except: Option<ConnectionId>, event: Event) -> Self {
        Self {
            audience: Audience::Users {
                ids: ids.into(),
                except,
            },
            payload: Arc::new(EncodedEvent::new(event)),
        }
    }

    /// Tells a session that it is over.
    pub fn end_of_session(user_id: UserId, session_id: SessionId, reason: &str) -> Self {
        Self {
            audience: Audience::EndOfSession { user_id, session_id },
            payload: Arc::new(EncodedEvent::new(Event::SessionRevoked {
                reason: reason.to_owned(),
            })),
        }
    }
}

/// An event shared by all who get it, and its frame, encoded once for all of them.
#[derive(Debug)]
pub struct EncodedEvent {
    event: Event,
    frame: OnceLock<Bytes>,
}

/// Room for most events, so that a frame does not move while it is written.
const FRAME_CAPACITY: usize = 768;

impl EncodedEvent {
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
}

impl Payload for EncodedEvent {
    fn frame(&self) -> &Bytes {
        self.frame.get_or_init(|| {
            let mut frame = Vec::with_capacity(FRAME_CAPACITY);
            serde_json::to_writer(&mut frame, &self.event).expect("events are plain data");
            frame.into()
        })
    }
}

/// An event that has reached a connection's outbox.
#[derive(Clone, Debug)]
pub struct Delivery(pub(super) Arc<dyn Payload>);

impl Delivery {
    /// Returns the frame that carries the event: UTF-8 JSON, shared with all other connections.
    pub fn frame(&self) -> &Bytes {
        self.0.frame()
    }

    /// Reads the event from its frame.
    ///
    /// # Panics
    /// If the frame is no event that this version knows, which can only come from a bus shared with a newer one.
    pub fn event(&self) -> Event {
        serde_json::from_slice(self.frame()).expect("a frame holds an event")
    }
}

//! Events, encoded once for all connections that receive them.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::domain::id::{ConnectionId, SessionId, UserId};
use crate::ports::{Audience, Envelope, Payload};
use crate::protocol;
use crate::protocol::Event;

impl Envelope {
    /// Addresses an event to all connections of these users, except one.
    pub fn to_users(ids: impl Into<Arc<[UserId]>>, except: Option<ConnectionId>, event: Event) -> Self {
        Self {
            audience: Audience::Users {
                ids: ids.into(),
                except,
            },
            payload: Arc::new(EncodedEvent::new(event)),
        }
    }

    /// Makes the event that ends a session and its connections. `reason` is sent to the client.
    pub fn end_of_session(user_id: UserId, session_id: SessionId, reason: &str) -> Self {
        Self {
            audience: Audience::EndOfSession { user_id, session_id },
            payload: Arc::new(EncodedEvent::new(Event::SessionRevoked {
                reason: reason.to_owned(),
            })),
        }
    }
}

/// An event shared by all of its receivers. Its frame is encoded once, when it is first needed.
#[derive(Debug)]
pub struct EncodedEvent {
    event: Event,
    frame: OnceLock<Bytes>,
}

/// Initial capacity of a frame in bytes: most events fit, so that the buffer is not reallocated while it is written.
const FRAME_CAPACITY: usize = 768;

impl EncodedEvent {
    /// Wraps an event. The frame is encoded later.
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

    /// Returns the new message that the event announces; `None` for other events.
    pub(crate) const fn message(&self) -> Option<&protocol::Message> {
        match &self.event {
            Event::MessageCreated(message) => Some(message),
            _ => None,
        }
    }

    /// Returns the JSON of the new message that the event announces, cut from the frame; `None` for other events. A
    /// reply copies it instead of encoding the message again.
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

/// An event in a connection's outbox.
#[derive(Clone, Debug)]
pub struct Delivery(pub(super) Arc<dyn Payload>);

impl Delivery {
    /// Returns the frame that carries the event: UTF-8 JSON, shared with all other connections.
    pub fn frame(&self) -> &Bytes {
        self.0.frame()
    }

    /// Decodes the event from its frame.
    ///
    /// # Panics
    /// If this version does not know the event, which can only come from a bus shared with a newer version.
    pub fn event(&self) -> Event {
        serde_json::from_slice(self.frame()).expect("a frame holds an event")
    }
}

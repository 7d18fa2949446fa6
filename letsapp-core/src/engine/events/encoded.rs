//! Events, encoded once for all connections that receive them.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::domain::id::{ConnectionId, SessionId, UserId};
use crate::ports::{Audience, Envelope, Members, Payload};
use crate::protocol;
use crate::protocol::Event;

impl Envelope {
    /// Addresses an event to all connections of these users, except one.
    pub fn to_users(ids: impl Into<Arc<[UserId]>>, except: Option<ConnectionId>, event: Event) -> Self {
        Self {
            audience: Audience::Users {
                ids: ids.into(),
                except,
                members: None,
            },
            payload: Arc::new(EncodedEvent::new(event)),
        }
    }

    /// Names the members of a conversation that the users of this envelope are.
    #[must_use]
    pub(crate) fn named(mut self, named: Members) -> Self {
        if let Audience::Users { members, .. } = &mut self.audience {
            *members = Some(named);
        }
        self
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

    /// Returns the new message that the event announces, as its sender sees it; `None` for other events.
    pub(crate) fn sent_message(&self) -> Option<protocol::Message> {
        match &self.event {
            Event::MessageCreated(message) => Some(protocol::Message {
                // The event leaves this field out, as it differs by recipient. A new message has no reactions.
                my_reaction: Some(None),
                ..message.clone()
            }),
            _ => None,
        }
    }

    /// Writes the JSON of [`sent_message`](Self::sent_message), copied from the frame instead of encoded again. Writes
    /// nothing and returns false for other events.
    pub(crate) fn write_sent_message(&self, out: &mut Vec<u8>) -> bool {
        const BEFORE: &[u8] = br#"{"event":"message.created","data":"#;
        let fields = self
            .frame()
            .strip_prefix(BEFORE)
            .and_then(|rest| rest.strip_suffix(b"}}"));
        if let Some(fields) = fields {
            out.extend_from_slice(fields);
            out.extend_from_slice(br#","my_reaction":null}"#);
        }
        fields.is_some()
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
    /// # Errors
    /// [`serde_json::Error`] when the frame holds no event that this version knows. Only a bus shared with a newer
    /// version carries such frames.
    pub fn event(&self) -> serde_json::Result<Event> {
        serde_json::from_slice(self.frame())
    }
}

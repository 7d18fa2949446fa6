//! What a live connection hands to its consumer.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use letsapp_core::id::{ConversationId, Rev, Seq, UserId};
use letsapp_core::protocol::{Conversation, Event, Hello, Message, Presence, Receipt};
use letsapp_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Something that happened, to the account or to the connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Update {
    /// The connection stands, for the first time or again. What was missed follows, up to [`Update::CaughtUp`].
    Connected(Hello),
    /// All that was missed has been handed over; what follows is live.
    CaughtUp,
    /// There is no connection. It is being made again, without anyone's doing.
    Disconnected {
        /// What happened, for a person.
        reason: String,
        /// When the next attempt is made.
        retry_in: Duration,
    },
    /// There is a new message; one's own are told too, whatever way they were sent.
    Message(Message),
    /// A message was edited, deleted or reacted to: this is its present state.
    MessageChanged(Message),
    /// Somebody received or read more.
    Receipts {
        /// In which conversation.
        conversation_id: ConversationId,
        /// Who, and how far.
        items: Vec<Receipt>,
    },
    /// A conversation is new, or it, or one's own part in it, is not what it was. At the beginning, every conversation
    /// is told once.
    Conversation(Box<Conversation>),
    /// One is out of a conversation.
    ConversationRemoved(ConversationId),
    /// Too much was missed in a conversation to be handed over: read its history anew.
    Reset(ConversationId),
    /// Somebody begins to type, still types, or has stopped. A message of theirs ends it too, and so do six seconds
    /// without another word of it.
    Typing {
        /// In which conversation.
        conversation_id: ConversationId,
        /// Who.
        user_id: UserId,
        /// Whether they type.
        typing: bool,
    },
    /// Somebody who is a contact, or is [watched](crate::Live::watch_presence), comes or goes; or this is how they are
    /// now, as the answer to who asked. What happens while there is no connection is not told: after
    /// [`Update::Connected`], ask.
    Presence(Presence),
    /// The session is over, and with it the stream: sign in again.
    SignedOut {
        /// Why, as the server put it.
        reason: String,
    },
}

/// How far each conversation has been followed, to be kept where a consumer keeps its own state.
///
/// ```
/// # use letsapp_cli::Positions;
/// let positions = Positions::default();
/// let kept = serde_json::to_string(&positions)?;
/// assert_eq!(serde_json::from_str::<Positions>(&kept)?, positions);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    /// When that was, by the server's clock; nothing has been followed yet if there is none.
    pub since: Option<Timestamp>,
    /// Each conversation's.
    pub conversations: BTreeMap<ConversationId, Position>,
}

/// How far a conversation has been followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// All changes up to here are known.
    pub rev: Rev,
    /// The newest message that is known.
    pub seq: Seq,
}

/// The stream of [`Update`]s: each change of each message once, each conversation's in order of `rev`, no matter how
/// often the connection was lost in between. It ends when the session is over, or [`Live::close`](crate::Live::close)
/// was called.
#[derive(Debug)]
pub struct Updates {
    pub(super) deliveries: mpsc::Receiver<Delivery>,
    pub(super) positions: Positions,
}

/// An update, and how it moves the consumer on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Delivery {
    pub(super) update: Option<Update>,
    pub(super) position_change: Option<(ConversationId, Option<Position>)>,
    pub(super) since: Option<Timestamp>,
}

impl Updates {
    /// Waits for the next update; `None` when there will be no more. Nothing is lost if the wait is given up.
    pub async fn next(&mut self) -> Option<Update> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Returns how far what was handed over so far goes. To begin there after a restart of the program, keep it, and
    /// give it to [`LiveBuilder::positions`](crate::LiveBuilder::positions).
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Update>> {
        loop {
            let Some(delivery) = std::task::ready!(self.deliveries.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            self.positions.apply(&delivery);
            if delivery.update.is_some() {
                return Poll::Ready(delivery.update);
            }
        }
    }
}

impl Stream for Updates {
    type Item = Update;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Update>> {
        self.get_mut().poll(context)
    }
}

impl Positions {
    fn apply(&mut self, delivery: &Delivery) {
        match delivery.position_change {
            Some((id, Some(position))) => drop(self.conversations.insert(id, position)),
            Some((id, None)) => drop(self.conversations.remove(&id)),
            None => {}
        }
        self.since = delivery.since.or(self.since);
    }
}

impl Update {
    /// Returns what an event tells that is so at this moment, and not kept.
    pub(super) fn transient(event: &Event) -> Option<Self> {
        match *event {
            Event::Typing {
                conversation_id,
                user_id,
                typing,
            } => Some(Self::Typing {
                conversation_id,
                user_id,
                typing,
            }),
            Event::Presence(presence) => Some(Self::Presence(presence)),
            _ => None,
        }
    }
}

impl From<Update> for Delivery {
    fn from(update: Update) -> Self {
        Self {
            update: Some(update),
            ..Self::default()
        }
    }
}

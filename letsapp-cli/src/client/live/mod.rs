//! The live connection: a handle that sends requests, a stream of updates, and the task that serves both.
//!
//! All decisions are made by state machines without I/O: [`reconnect`] decides when to connect, [`request_queue`] which
//! requests to send again, and [`tracker`] which updates to deliver. [`driver`] connects them to the network.

mod driver;
mod fetch;
mod reconnect;
mod request_queue;
mod socket;
mod tracker;
mod update;

use std::sync::Arc;

use letsapp_core::domain::emoji::Emoji;
use letsapp_core::domain::id::{ConversationId, Seq, UserId};
use letsapp_core::protocol::requests::{
    AtMessage, EditMessage, InConversation, Nothing, React, ReceiptRequest, SendMessage, SetTyping, WatchPresence,
};
use letsapp_core::protocol::{Items, Message, Op, Presence, Watermarks};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::Http;
use super::routes::with_message_id;
use crate::{Client, ClientError};
use driver::{Command, Driver};
pub use reconnect::Backoff;
pub use update::{Position, Positions, Update, Updates};

/// Number of updates that fit into the channel to the consumer. Small, because a waiting update costs memory and the
/// driver's backlog holds the rest.
const UPDATE_CHANNEL_SIZE: usize = 16;

/// Handle of a live connection, to send requests with. Cheap to clone.
///
/// A request made while there is no connection is sent with the next one. Requests that were not answered before a
/// connection was lost are sent again. Each message keeps its id, so none is stored twice. Dropping the future of a
/// request does not cancel the request.
///
/// The connection ends with [`close`](Self::close), with the session, or when all handles and the stream of updates
/// have been dropped.
#[derive(Clone, Debug)]
pub struct Live {
    http: Arc<Http>,
    commands: mpsc::UnboundedSender<Command>,
}

/// Builder of a live connection.
#[derive(Clone, Debug)]
pub struct LiveBuilder {
    http: Arc<Http>,
    positions: Positions,
    backoff: Backoff,
}

impl Client {
    /// Returns a builder for a live connection.
    ///
    /// ```no_run
    /// # use letsapp_cli::{Client, Update};
    /// # async fn example(client: Client) -> Result<(), letsapp_cli::ClientError> {
    /// let me = client.me().await?.user.id;
    /// let (live, mut updates) = client.live().start();
    /// while let Some(update) = updates.next().await {
    ///     match update {
    ///         Update::Message(message) if message.sender_id != me => {
    ///             live.send_text(message.conversation_id, format!("You said: {}", message.body)).await?;
    ///         }
    ///         Update::Disconnected { reason, .. } => eprintln!("offline: {reason}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// To show earlier messages too, wait for the first [`Update::CaughtUp`] before reading the
    /// [`history`](Self::history). Messages that the history does not contain arrive as updates. If a message appears
    /// in both, its `rev` is the same.
    pub fn live(&self) -> LiveBuilder {
        LiveBuilder {
            http: Arc::clone(&self.http),
            positions: Positions::default(),
            backoff: Backoff::default(),
        }
    }
}

impl LiveBuilder {
    /// Continues where an earlier run has stopped (see [`Updates::positions`]), and delivers what has happened since.
    /// Without positions, messages that exist when the connection starts are not delivered.
    #[must_use]
    pub fn positions(self, positions: Positions) -> Self {
        Self { positions, ..self }
    }

    /// Sets the delays between attempts to connect.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// Starts connecting, in a new task.
    ///
    /// # Panics
    /// Panics outside a tokio runtime.
    pub fn start(self) -> (Live, Updates) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (deliveries, outlet) = mpsc::channel(UPDATE_CHANNEL_SIZE);
        let driver = Driver::new(Arc::clone(&self.http), &self.positions, self.backoff, inbox, deliveries);
        tokio::spawn(driver.run());
        (
            Live {
                http: self.http,
                commands,
            },
            Updates {
                deliveries: outlet,
                positions: self.positions,
            },
        )
    }
}

impl Live {
    /// Returns the client that this connection belongs to, for requests over HTTP.
    pub fn client(&self) -> Client {
        Client {
            http: Arc::clone(&self.http),
        }
    }

    /// Sends a message and returns it once the server has stored it. A message without an `id` gets one.
    ///
    /// # Errors
    /// `forbidden` or `not_found` if the user may not write in the conversation; [`ClientError::SignedOut`] if the
    /// session has ended.
    pub async fn send(&self, conversation_id: ConversationId, request: SendMessage) -> Result<Message, ClientError> {
        self.request(
            Op::MessageSend,
            InConversation {
                conversation_id,
                request: with_message_id(request),
            },
        )
        .await
    }

    /// Sends a message that consists of text only. Shorthand for [`send`](Self::send).
    ///
    /// # Errors
    /// [`ClientError::Text`] if the text is not valid as a message's body, otherwise as [`send`](Self::send).
    pub async fn send_text(
        &self,
        conversation_id: ConversationId,
        text: impl Into<String>,
    ) -> Result<Message, ClientError> {
        self.send(conversation_id, SendMessage::text(text)?).await
    }

    /// Changes the text of a message that the user has sent.
    ///
    /// # Errors
    /// `forbidden` if another user has sent it, or if it is too old to be edited.
    pub async fn edit(
        &self,
        conversation_id: ConversationId,
        seq: Seq,
        request: EditMessage,
    ) -> Result<Message, ClientError> {
        self.request(
            Op::MessageEdit,
            AtMessage {
                conversation_id,
                seq,
                request,
            },
        )
        .await
    }

    /// Deletes a message for all members.
    ///
    /// # Errors
    /// `forbidden` if another user has sent it and this user is not an admin.
    pub async fn delete(&self, conversation_id: ConversationId, seq: Seq) -> Result<Message, ClientError> {
        self.request(
            Op::MessageDelete,
            AtMessage {
                conversation_id,
                seq,
                request: Nothing {},
            },
        )
        .await
    }

    /// Adds a reaction to a message. Replaces the user's previous one.
    ///
    /// # Errors
    /// `not_found` if the user may not see the message.
    pub async fn react(&self, conversation_id: ConversationId, seq: Seq, emoji: Emoji) -> Result<Message, ClientError> {
        let request = React { emoji, remove: false };
        self.request(
            Op::MessageReact,
            AtMessage {
                conversation_id,
                seq,
                request,
            },
        )
        .await
    }

    /// Removes the user's reaction from a message.
    ///
    /// # Errors
    /// `not_found` if the user may not see the message.
    pub async fn unreact(
        &self,
        conversation_id: ConversationId,
        seq: Seq,
        emoji: Emoji,
    ) -> Result<Message, ClientError> {
        let request = React { emoji, remove: true };
        self.request(
            Op::MessageReact,
            AtMessage {
                conversation_id,
                seq,
                request,
            },
        )
        .await
    }

    /// Raises the user's delivery and read watermarks in a conversation.
    ///
    /// # Errors
    /// `validation_failed` if a watermark is beyond the newest message.
    pub async fn acknowledge(
        &self,
        conversation_id: ConversationId,
        request: ReceiptRequest,
    ) -> Result<Watermarks, ClientError> {
        self.request(
            Op::Receipt,
            InConversation {
                conversation_id,
                request,
            },
        )
        .await
    }

    /// Tells the other members that the user is typing, or has stopped. Call it again while the user types; the server
    /// limits how many of these events it sends.
    ///
    /// # Errors
    /// `forbidden` or `not_found` unless the user is a member.
    pub async fn typing(&self, conversation_id: ConversationId, typing: bool) -> Result<(), ClientError> {
        let request = InConversation {
            conversation_id,
            request: SetTyping { typing },
        };
        self.request::<IgnoredAny>(Op::Typing, request).await.map(|_| ())
    }

    /// Returns the presence of some users and watches them, in addition to those watched before: every change arrives
    /// as [`Update::Presence`]. A watch ends with the connection, so it must be repeated after [`Update::Connected`].
    ///
    /// # Errors
    /// `validation_failed` for more than 1,024 ids at once.
    pub async fn watch_presence(&self, user_ids: Vec<UserId>) -> Result<Vec<Presence>, ClientError> {
        let request = WatchPresence { user_ids };
        let found: Items<Presence> = self.request(Op::PresenceWatch, request).await?;
        Ok(found.items)
    }

    /// Closes the connection and ends the stream of updates. Requests without a reply fail with
    /// [`ClientError::Closed`].
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close { done }).is_ok() {
            let _ = closed.await;
        }
    }

    async fn request<T: DeserializeOwned>(&self, op: Op, request: impl Serialize) -> Result<T, ClientError> {
        let data = serde_json::to_value(request).expect("requests are plain data");
        let (reply, replied) = oneshot::channel();
        self.commands
            .send(Command::Request { op, data, reply })
            .map_err(|_| ClientError::Closed)?;
        let value: Value = replied.await.map_err(|_| ClientError::Closed)??;
        T::deserialize(value).map_err(|error| ClientError::unexpected(&self.http.server, &error))
    }
}

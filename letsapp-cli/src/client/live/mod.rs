//! The live connection: a handle to speak with, a stream to listen to, and a task that keeps both going.
//!
//! What is decided is decided by machines without IO: [`reconnect`] when to dial, [`outbox`] what to send again,
//! [`follow`] what the consumer has not been told yet.

mod driver;
mod fetch;
mod reconnect;
mod request_queue;
mod socket;
mod tracker;
mod update;

use std::sync::Arc;

use letsapp_core::id::{ConversationId, Seq, UserId};
use letsapp_core::messages::Emoji;
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

/// How many updates wait for the consumer inside the channel; more wait in the driver.
const UPDATE_CHANNEL_SIZE: usize = 16;

/// The speaking half of a live connection. Cheap to clone.
///
/// What is asked while there is no connection waits for the next one; what was not answered when a connection was lost
/// is asked again, messages with the same id, so that none is sent twice. Dropping a future does not take back what it
/// has asked.
///
/// The connection ends with [`close`](Self::close), with the session, or when all its handles and the stream of updates
/// are dropped.
#[derive(Clone, Debug)]
pub struct Live {
    http: Arc<Http>,
    commands: mpsc::UnboundedSender<Command>,
}

/// Begins a live connection.
#[derive(Clone, Debug)]
pub struct LiveBuilder {
    http: Arc<Http>,
    positions: Positions,
    backoff: Backoff,
}

impl Client {
    /// Begins a live connection.
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
    /// To show what was said before as well, wait for the first [`Update::CaughtUp`], then read the
    /// [`history`](Self::history): whatever it does not hold comes as an update. What both hold has the same `rev`.
    pub fn live(&self) -> LiveBuilder {
        LiveBuilder {
            http: Arc::clone(&self.http),
            positions: Positions::default(),
            backoff: Backoff::default(),
        }
    }
}

impl LiveBuilder {
    /// Begins where a former run ended, see [`Updates::positions`]: what happened since is handed over. Without it, what
    /// is there at the beginning is history, and not told as new.
    #[must_use]
    pub fn positions(self, positions: Positions) -> Self {
        Self { positions, ..self }
    }

    /// Waits so long between attempts to connect.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// Starts connecting, in a task of its own.
    ///
    /// # Panics
    /// Outside a tokio runtime.
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
    /// Returns the client whose session this is, for everything that goes over HTTP.
    pub fn client(&self) -> Client {
        Client {
            http: Arc::clone(&self.http),
        }
    }

    /// Sends a message, and returns once it can't be lost.
    ///
    /// # Errors
    /// `forbidden` or `not_found` where one may not write; [`ClientError::SignedOut`] when the session is over.
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

    /// Sends some words: [`send`](Self::send) in short.
    ///
    /// # Errors
    /// [`ClientError::Text`] when they can't be a message's body, otherwise as [`send`](Self::send).
    pub async fn send_text(
        &self,
        conversation_id: ConversationId,
        text: impl Into<String>,
    ) -> Result<Message, ClientError> {
        self.send(conversation_id, SendMessage::text(text)?).await
    }

    /// Changes the words of one's own message.
    ///
    /// # Errors
    /// `forbidden` when it is another's, or too old.
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

    /// Deletes a message for everyone.
    ///
    /// # Errors
    /// `forbidden` when it is another's and one is no admin.
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

    /// Puts a reaction on a message, in place of one's own before.
    ///
    /// # Errors
    /// `not_found` when one may not see the message.
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

    /// Takes a reaction off again.
    ///
    /// # Errors
    /// `not_found` when one may not see the message.
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

    /// Tells how far one has received and read.
    ///
    /// # Errors
    /// `validation_failed` past the newest message.
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

    /// Tells the other members that one types, or has stopped. To be said again while it lasts, as often as one likes.
    ///
    /// # Errors
    /// `forbidden` or `not_found` where one is no member.
    pub async fn typing(&self, conversation_id: ConversationId, typing: bool) -> Result<(), ClientError> {
        let request = InConversation {
            conversation_id,
            request: SetTyping { typing },
        };
        self.request::<IgnoredAny>(Op::Typing, request).await.map(|_| ())
    }

    /// Asks who of some users is there, and has [`Update::Presence`] tell of them, now and from here on, beside those
    /// who are watched already. It lasts as long as the connection: ask again after [`Update::Connected`].
    ///
    /// # Errors
    /// `validation_failed` for more than 1,024 at once.
    pub async fn watch_presence(&self, user_ids: Vec<UserId>) -> Result<Vec<Presence>, ClientError> {
        let request = WatchPresence { user_ids };
        let found: Items<Presence> = self.request(Op::PresenceWatch, request).await?;
        Ok(found.items)
    }

    /// Ends the connection, and with it the stream of updates. What is not answered by then fails with
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

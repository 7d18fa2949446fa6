//! What comes of a send.

use std::sync::Arc;

use crate::conversations::lane::Done;
use crate::conversations::{ConversationError, Made};
use crate::event::Shared;
use crate::id::UserId;
use crate::messages::Message;
use crate::protocol;

/// A message that was sent, as its sender is shown it.
///
/// ```
/// # use letsapp_core::{LetsApp, protocol::{self, requests::{CreateConversation, SendMessage}}};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let app = LetsApp::in_memory().await?;
/// # let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
/// # let direct = CreateConversation::Direct { user_id: ben.user_id };
/// # let (chat, _) = app.conversations().create(&ana, direct, None).await?;
/// let hello = SendMessage::text("Hello, Ben!")?;
/// let sent = app.messages().send_shared(&ana, chat.id, hello, None).await?;
/// let mut json = Vec::new();
/// sent.write_json(&mut json)?;
/// assert_eq!(serde_json::from_slice::<protocol::Message>(&json)?, sent.message());
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Sent {
    message: Arc<Message>,
    viewer: UserId,
    made: Made,
    /// The event that tells of it, if that is now.
    event: Option<Arc<Shared>>,
}

impl Sent {
    pub(super) fn of(done: Done, viewer: UserId) -> Result<Self, ConversationError> {
        let (message, made, event) = match done {
            Done::Changed(message, event) => (message, Made::Now, event),
            Done::Unchanged(message) => (message, Made::Before, None),
            Done::Nothing | Done::Exists(_) => return Err(ConversationError::NotFound),
        };
        Ok(Self {
            message,
            viewer,
            made,
            event,
        })
    }

    /// Shows a message that was sent before.
    pub(super) fn before(message: Message) -> Self {
        Self {
            viewer: message.sender_id,
            message: Arc::new(message),
            made: Made::Before,
            event: None,
        }
    }

    /// Returns the message.
    pub fn message(&self) -> protocol::Message {
        protocol::Message::seen_by(&self.message, self.viewer)
    }

    /// Tells whether it was sent now, or before under its id.
    pub const fn made(&self) -> Made {
        self.made
    }

    /// Writes the message as JSON.
    ///
    /// # Errors
    /// When it can't be written, which is a fault of its type.
    pub fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let written = self
            .event
            .as_ref()
            .and_then(|event| event.message_json()?.strip_suffix(b"}"));
        match written {
            Some(fields) => {
                out.extend_from_slice(fields);
                // Nobody has reacted to what was sent just now.
                out.extend_from_slice(br#","my_reaction":null}"#);
                Ok(())
            }
            None => serde_json::to_writer(out, &self.message()),
        }
    }
}

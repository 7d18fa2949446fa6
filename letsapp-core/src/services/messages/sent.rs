//! The result of sending a message.

use std::sync::Arc;

use crate::domain::id::{ConversationId, MessageId, UserId};
use crate::domain::message::{Fingerprint, Message};
use crate::engine::Engine;
use crate::engine::commit::CommitReply;
use crate::engine::error::ConversationError;
use crate::engine::events::EncodedEvent;
use crate::protocol;
use crate::services::made::Made;

/// A sent message as its sender sees it.
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
pub struct Sent(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Sent by this request; the event that the other members get.
    Now(Arc<EncodedEvent>),
    /// Sent by an earlier attempt with the same id.
    Before(Box<protocol::Message>),
}

impl Sent {
    /// Wraps the event of a message that this request has sent.
    pub(super) const fn now(event: Arc<EncodedEvent>) -> Self {
        Self(Kind::Now(event))
    }

    /// Wraps a message that an earlier attempt has sent, in its present state.
    pub(super) fn before(message: &Message) -> Self {
        let shown = protocol::Message::seen_by(message, message.sender_id);
        Self(Kind::Before(Box::new(shown)))
    }

    /// Returns the message.
    ///
    /// # Panics
    /// Never: the event of a new message contains the message.
    pub fn message(&self) -> protocol::Message {
        match &self.0 {
            Kind::Now(event) => event.sent_message().expect("the event of a new message contains it"),
            Kind::Before(message) => protocol::Message::clone(message),
        }
    }

    /// Tells whether this request or an earlier attempt has sent the message.
    pub const fn made(&self) -> Made {
        match &self.0 {
            Kind::Now(_) => Made::Now,
            Kind::Before(_) => Made::Before,
        }
    }

    /// Writes the message as JSON.
    ///
    /// # Errors
    /// None in practice: messages can always be written as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match &self.0 {
            Kind::Now(event) if event.write_sent_message(out) => Ok(()),
            Kind::Now(_) => serde_json::to_writer(out, &self.message()),
            Kind::Before(message) => serde_json::to_writer(out, message),
        }
    }
}

/// Turns the outcome of a send into its reply, unless the outcome is [`CommitReply::Sent`].
pub(super) async fn answer(
    engine: &Engine,
    outcome: Result<CommitReply, ConversationError>,
    conversation_id: ConversationId,
    sender: UserId,
    id: MessageId,
    fingerprint: Fingerprint,
) -> Result<Sent, ConversationError> {
    match outcome {
        Ok(CommitReply::Unchanged(message) | CommitReply::Changed(message)) => {
            // Check the membership in the store: another server may have deleted the group, and this server may
            // not know of it yet.
            engine.access.reader(conversation_id, sender).await?;
            engine.typing.sent(conversation_id, sender);
            Ok(Sent::before(&message))
        }
        Ok(CommitReply::Sent(_) | CommitReply::Nothing | CommitReply::Exists(_)) => Err(ConversationError::NotFound),
        Err(error @ (ConversationError::NotFound | ConversationError::Conflict | ConversationError::Store(_))) => {
            Err(error)
        }
        Err(refused) => {
            // A retry of a message that was sent before the reason for the refusal, such as a block, still succeeds.
            let before = engine.stores.messages.find_by_id(conversation_id, id).await?;
            match before.filter(|message| message.sender_id == sender) {
                Some(message) if message.fingerprint.matches(&fingerprint) => Ok(Sent::before(&message)),
                Some(_) => Err(ConversationError::Conflict),
                None => Err(refused),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::message::Content;
    use crate::engine::fixtures::{ANA, message};
    use crate::protocol::Event;

    #[test]
    fn the_json_of_a_sent_message_equals_the_message() {
        let message = Message {
            content: Content::Text(r#"{"event":"message.created","data":{}} "}"#.to_owned()),
            ..message(ANA, 3)
        };
        let event = Event::MessageCreated(protocol::Message::from(&message));
        let event = Arc::new(EncodedEvent::new(event));
        let table = [
            (Sent::now(Arc::clone(&event)), Made::Now),
            (Sent::before(&message), Made::Before),
        ];
        assert!(
            event.write_sent_message(&mut Vec::new()),
            "the first is written from its event"
        );
        for (sent, made) in table {
            let mut json = b"> ".to_vec();
            sent.write_json(&mut json).unwrap();
            let written: Value = serde_json::from_slice(json.strip_prefix(b"> ").unwrap()).unwrap();
            assert_eq!(written, serde_json::to_value(sent.message()).unwrap());
            assert_eq!(written.get("my_reaction"), Some(&Value::Null));
            assert_eq!((sent.made(), sent.message().seq), (made, message.seq));
        }
    }
}

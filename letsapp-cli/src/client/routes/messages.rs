//! Routes of messages, reactions and receipts.

use letsapp_core::domain::emoji::Emoji;
use letsapp_core::domain::id::{ConversationId, MessageId, Rev, Seq};
use letsapp_core::protocol::requests::{EditMessage, ReceiptRequest, SendMessage};
use letsapp_core::protocol::{Changes, List, Message, MessageReceipt, UserReaction, Watermarks};
use reqwest::Method;

use super::HistoryRange;
use crate::client::new_id;
use crate::{Client, ClientError, Page};

impl Client {
    /// Sends a message and returns it once the server has stored it. A message without an `id` gets one.
    ///
    /// Retrying with the same `id` never creates a second message.
    ///
    /// # Errors
    /// `forbidden` or `not_found` if the user may not write in the conversation.
    pub async fn send(&self, id: ConversationId, request: SendMessage) -> Result<Message, ClientError> {
        let request = with_message_id(request);
        self.http
            .post(&["conversations", &id.to_string(), "messages"], &request)
            .reply()
            .await
    }

    /// Sends a message that consists of text only. Shorthand for [`send`](Self::send).
    ///
    /// # Errors
    /// [`ClientError::Text`] if the text is not valid as a message's body, otherwise as [`send`](Self::send).
    pub async fn send_text(&self, id: ConversationId, text: impl Into<String>) -> Result<Message, ClientError> {
        self.send(id, SendMessage::text(text)?).await
    }

    /// Returns a range of a conversation's messages.
    ///
    /// # Errors
    /// `not_found` unless the user is or was a member.
    pub async fn history(
        &self,
        id: ConversationId,
        range: HistoryRange,
        page: Page,
    ) -> Result<List<Message>, ClientError> {
        let (before, after) = match range {
            HistoryRange::Newest => (None, None),
            HistoryRange::Before(seq) => (Some(seq), None),
            HistoryRange::After(seq) => (None, Some(seq)),
            HistoryRange::Between { after, before } => (Some(before), Some(after)),
        };
        let request = self.http.get(&["conversations", &id.to_string(), "messages"]);
        page.apply_to(request.query("before", before).query("after", after))
            .reply()
            .await
    }

    /// Returns a message.
    ///
    /// # Errors
    /// `not_found` if the user may not see the message.
    pub async fn message(&self, id: ConversationId, seq: Seq) -> Result<Message, ClientError> {
        self.http
            .get(&["conversations", &id.to_string(), "messages", &seq.to_string()])
            .reply()
            .await
    }

    /// Changes the text of a message that the user has sent.
    ///
    /// # Errors
    /// `forbidden` if another user has sent it, or if it is too old to be edited.
    pub async fn edit(&self, id: ConversationId, seq: Seq, request: &EditMessage) -> Result<Message, ClientError> {
        let path = ["conversations", &id.to_string(), "messages", &seq.to_string()];
        self.http.patch(&path, request).reply().await
    }

    /// Deletes a message for all members.
    ///
    /// # Errors
    /// `forbidden` if another user has sent it and this user is not an admin.
    pub async fn delete(&self, id: ConversationId, seq: Seq) -> Result<Message, ClientError> {
        let path = ["conversations", &id.to_string(), "messages", &seq.to_string()];
        self.http.delete(&path).reply().await
    }

    /// Adds a reaction to a message. Replaces the user's previous one.
    ///
    /// # Errors
    /// `not_found` if the user may not see the message.
    pub async fn react(&self, id: ConversationId, seq: Seq, emoji: &Emoji) -> Result<Message, ClientError> {
        self.reaction(Method::PUT, id, seq, emoji).await
    }

    /// Removes the user's reaction from a message.
    ///
    /// # Errors
    /// `not_found` if the user may not see the message.
    pub async fn unreact(&self, id: ConversationId, seq: Seq, emoji: &Emoji) -> Result<Message, ClientError> {
        self.reaction(Method::DELETE, id, seq, emoji).await
    }

    /// Returns the users who reacted to a message, with their reactions.
    ///
    /// # Errors
    /// `not_found` if the user may not see the message.
    pub async fn reactions(&self, id: ConversationId, seq: Seq, page: Page) -> Result<List<UserReaction>, ClientError> {
        let path = [
            "conversations",
            &id.to_string(),
            "messages",
            &seq.to_string(),
            "reactions",
        ];
        page.apply_to(self.http.get(&path)).reply().await
    }

    /// Raises the user's delivery and read watermarks in a conversation.
    ///
    /// # Errors
    /// `validation_failed` if a watermark is beyond the newest message.
    pub async fn acknowledge(&self, id: ConversationId, request: ReceiptRequest) -> Result<Watermarks, ClientError> {
        self.http
            .post(&["conversations", &id.to_string(), "receipts"], &request)
            .reply()
            .await
    }

    /// Returns each member's receipt status of a message: sent, delivered or read.
    ///
    /// # Errors
    /// `not_found` if the user may not see the message.
    pub async fn message_receipts(
        &self,
        id: ConversationId,
        seq: Seq,
        page: Page,
    ) -> Result<List<MessageReceipt>, ClientError> {
        let path = [
            "conversations",
            &id.to_string(),
            "messages",
            &seq.to_string(),
            "receipts",
        ];
        page.apply_to(self.http.get(&path)).reply().await
    }

    /// Returns every message that changed after `rev`, each once in its current state, ordered by `rev`.
    ///
    /// # Errors
    /// `not_found` unless the user is or was a member.
    pub async fn changes(&self, id: ConversationId, after: Rev, page: Page) -> Result<Changes, ClientError> {
        let request = self.http.get(&["conversations", &id.to_string(), "changes"]);
        page.apply_to(request.query("after", Some(after))).reply().await
    }

    async fn reaction(
        &self,
        method: Method,
        id: ConversationId,
        seq: Seq,
        emoji: &Emoji,
    ) -> Result<Message, ClientError> {
        let path = [
            "conversations",
            &id.to_string(),
            "messages",
            &seq.to_string(),
            "reactions",
            emoji.as_str(),
        ];
        self.http.request(method, &path).reply().await
    }
}

/// Gives a message an id unless it has one, so that it can be sent again safely.
pub(crate) fn with_message_id(request: SendMessage) -> SendMessage {
    match request.id {
        Some(_) => request,
        None => request.with_id(MessageId::from_uuid(new_id())),
    }
}

//! Messages, reactions and receipts.

use letsapp_core::id::{ConversationId, MessageId, Rev, Seq};
use letsapp_core::messages::Emoji;
use letsapp_core::protocol::requests::{EditMessage, ReceiptRequest, SendMessage};
use letsapp_core::protocol::{Changes, List, Message, MessageReceipt, UserReaction, Watermarks};
use reqwest::Method;

use super::HistoryRange;
use crate::client::new_id;
use crate::{Client, ClientError, Page};

impl Client {
    /// Sends a message, and returns once it can't be lost. Without an `id` it gets one.
    ///
    /// To try again after a failure, ask with the same `id`: it never makes a second message.
    ///
    /// # Errors
    /// `forbidden` or `not_found` where one may not write.
    pub async fn send(&self, id: ConversationId, request: SendMessage) -> Result<Message, ClientError> {
        let request = with_message_id(request);
        self.http
            .post(&["conversations", &id.to_string(), "messages"], &request)
            .reply()
            .await
    }

    /// Sends some words: [`send`](Self::send) in short.
    ///
    /// # Errors
    /// [`ClientError::Text`] when they can't be a message's body, otherwise as [`send`](Self::send).
    pub async fn send_text(&self, id: ConversationId, text: impl Into<String>) -> Result<Message, ClientError> {
        self.send(id, SendMessage::text(text)?).await
    }

    /// Returns a part of a conversation's history.
    ///
    /// # Errors
    /// `not_found` when one was never in it.
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
        };
        let request = self.http.get(&["conversations", &id.to_string(), "messages"]);
        page.apply_to(request.query("before", before).query("after", after))
            .reply()
            .await
    }

    /// Returns a message.
    ///
    /// # Errors
    /// `not_found` when one may not see it.
    pub async fn message(&self, id: ConversationId, seq: Seq) -> Result<Message, ClientError> {
        self.http
            .get(&["conversations", &id.to_string(), "messages", &seq.to_string()])
            .reply()
            .await
    }

    /// Changes the words of one's own message.
    ///
    /// # Errors
    /// `forbidden` when it is another's, or too old.
    pub async fn edit(&self, id: ConversationId, seq: Seq, request: &EditMessage) -> Result<Message, ClientError> {
        let path = ["conversations", &id.to_string(), "messages", &seq.to_string()];
        self.http.patch(&path, request).reply().await
    }

    /// Deletes a message for everyone.
    ///
    /// # Errors
    /// `forbidden` when it is another's and one is no admin.
    pub async fn delete(&self, id: ConversationId, seq: Seq) -> Result<Message, ClientError> {
        let path = ["conversations", &id.to_string(), "messages", &seq.to_string()];
        self.http.delete(&path).reply().await
    }

    /// Puts a reaction on a message, in place of one's own before.
    ///
    /// # Errors
    /// `not_found` when one may not see the message.
    pub async fn react(&self, id: ConversationId, seq: Seq, emoji: &Emoji) -> Result<Message, ClientError> {
        self.reaction(Method::PUT, id, seq, emoji).await
    }

    /// Takes a reaction off again.
    ///
    /// # Errors
    /// `not_found` when one may not see the message.
    pub async fn unreact(&self, id: ConversationId, seq: Seq, emoji: &Emoji) -> Result<Message, ClientError> {
        self.reaction(Method::DELETE, id, seq, emoji).await
    }

    /// Returns who reacted how to a message.
    ///
    /// # Errors
    /// `not_found` when one may not see the message.
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

    /// Tells how far one has received and read.
    ///
    /// # Errors
    /// `validation_failed` past the newest message.
    pub async fn acknowledge(&self, id: ConversationId, request: ReceiptRequest) -> Result<Watermarks, ClientError> {
        self.http
            .post(&["conversations", &id.to_string(), "receipts"], &request)
            .reply()
            .await
    }

    /// Returns how far a message has come to each member.
    ///
    /// # Errors
    /// `not_found` when one may not see the message.
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

    /// Returns every message that changed after `rev`, each once in its present state, in order of `rev`.
    ///
    /// # Errors
    /// `not_found` when one was never in the conversation.
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

/// Gives a message an id unless it has one.
pub(crate) fn with_message_id(request: SendMessage) -> SendMessage {
    match request.id {
        Some(_) => request,
        None => request.with_id(MessageId::from_uuid(new_id())),
    }
}

//! Sending, changing and reading messages, and marking them as read.

mod draft;
mod history;
mod search;
mod sent;
#[cfg(test)]
mod tests;

pub use history::ChangesPage;
pub use search::SearchPage;
pub use sent::Sent;

use std::sync::Arc;

use crate::domain::emoji::Emoji;
use crate::domain::id::{ConnectionId, ConversationId, Seq};
use crate::domain::member::Watermarks;
use crate::domain::principal::Principal;
use crate::engine::Engine;
use crate::engine::commit::{Command, CommitReply};
use crate::engine::error::ConversationError;
use crate::protocol;
use crate::protocol::requests::{EditMessage, SendMessage};
use crate::services::made::Made;
use crate::services::messages::draft::{sorted, submission};

/// The service for messages.
///
/// The methods that change a conversation ([`send`](Self::send), [`edit`](Self::edit), [`delete`](Self::delete),
/// [`react`](Self::react), [`unreact`](Self::unreact)) are not `async`: calling them puts the change into the queue of
/// the conversation, so that changes are carried out in the order of the calls. The returned future waits for the
/// result; dropping it does not cancel the change.
///
/// ```
/// # use letsapp_core::{LetsApp, ports::Range, protocol::requests::{CreateConversation, SendMessage}};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
/// let direct = CreateConversation::Direct { user_id: ben.user_id };
/// let (chat, _) = app.conversations().create(&ana, direct, None).await?;
/// app.messages().send(&ana, chat.id, SendMessage::text("Hello, Ben!")?, None).await?;
/// let history = app.messages().history(&ben, chat.id, Range::Newest, Default::default()).await?;
/// assert_eq!(history.items[0].body, "Hello, Ben!");
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct MessageService {
    engine: Arc<Engine>,
}

impl MessageService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Sends a message. It is durable when the future is ready.
    ///
    /// Repeating a request with the same id does not send the message again, but returns it in its present state.
    ///
    /// # Errors
    /// - [`ConversationError::NotFound`] when the caller never was a member of the conversation,
    ///   [`ConversationError::Forbidden`] when they have left it or a block or an erased account prevents the message;
    /// - [`ConversationError::Conflict`] when the id already belongs to another message;
    /// - [`ConversationError::Invalid`] when the message is empty, replies to a message that it can't reply to, mentions
    ///   a user who is not a member, or carries a file that the caller has not uploaded, nor sees and forwards;
    /// - [`ConversationError::Store`] when the store fails. The message may have been sent; repeat the request with its
    ///   id.
    pub fn send(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        request: SendMessage,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<(protocol::Message, Made), ConversationError>> + Send + 'static + use<> {
        let sent = self.send_shared(principal, conversation_id, request, origin);
        async move { sent.await.map(|sent| (sent.message(), sent.made())) }
    }

    /// Sends a message as [`send`](Self::send) does, and returns it in a form that is cheap to write as JSON: the bytes
    /// of the event for the other members are reused.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn send_shared(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        request: SendMessage,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<Sent, ConversationError>> + Send + 'static + use<> {
        let engine = Arc::clone(&self.engine);
        let sender = principal.user_id;
        let now = engine.runtime.clock.now();
        let submitted = draft::message(&engine, sender, conversation_id, request, now).map(|(message, files)| {
            let (id, fingerprint) = (message.id, message.fingerprint);
            let send = Command::Send(Arc::new(message), files);
            let submission = submission(principal, conversation_id, origin, now, send);
            (engine.committer.submit(submission), id, fingerprint)
        });
        async move {
            let (outcome, id, fingerprint) = submitted?;
            let outcome = outcome.await;
            if let Ok(CommitReply::Sent(event)) = outcome {
                engine.typing.sent(conversation_id, sender);
                return Ok(Sent::now(event));
            }
            // Boxed, because this branch is rare: the size of its future would otherwise be part of each of the
            // thousands of futures that wait above.
            Box::pin(sent::answer(&engine, outcome, conversation_id, sender, id, fingerprint)).await
        }
    }

    /// Replaces the text and the mentions of a message of the caller, and its files if the request names some.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] when another user has sent the message, it is older than
    /// [`Rules::edit_window`](crate::Rules::edit_window), or it was deleted.
    pub fn edit(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
        request: EditMessage,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<protocol::Message, ConversationError>> + Send + 'static + use<> {
        let EditMessage {
            body,
            mentions,
            attachments,
        } = request;
        let command = Command::Edit {
            seq,
            body: body.into_string(),
            mentions: sorted(mentions),
            files: attachments,
        };
        self.revise(principal, conversation_id, command, origin)
    }

    /// Deletes a message for all members. An empty message marked as deleted, a tombstone, stays in its place.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] unless the caller has sent the message, or is an admin or the owner.
    pub fn delete(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<protocol::Message, ConversationError>> + Send + 'static + use<> {
        self.revise(principal, conversation_id, Command::Delete { seq }, origin)
    }

    /// Sets the caller's reaction to a message, replacing an earlier one. `None` removes it.
    ///
    /// # Errors
    /// [`ConversationError::Invalid`] when the message already has the largest number of different reactions.
    pub fn react(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
        emoji: Option<Emoji>,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<protocol::Message, ConversationError>> + Send + 'static + use<> {
        let command = match emoji {
            Some(emoji) => Command::React { seq, emoji },
            None => Command::Unreact { seq, emoji: None },
        };
        self.revise(principal, conversation_id, command, origin)
    }

    /// Removes the caller's reaction to a message if it is `emoji`. A different reaction, set since by another device,
    /// stays.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller may not see the message.
    pub fn unreact(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
        emoji: Emoji,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<protocol::Message, ConversationError>> + Send + 'static + use<> {
        let emoji = Some(emoji);
        self.revise(principal, conversation_id, Command::Unreact { seq, emoji }, origin)
    }

    /// Raises the caller's watermarks: the last message received and the last message read. Returns the resulting
    /// watermarks, which never go down.
    ///
    /// # Errors
    /// - [`ConversationError::NotFound`] when the caller never was a member, [`ConversationError::Forbidden`] when they
    ///   have left;
    /// - [`ConversationError::Invalid`] past the newest message.
    pub async fn advance(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        to: Watermarks,
        origin: Option<ConnectionId>,
    ) -> Result<protocol::Watermarks, ConversationError> {
        let user_id = principal.user_id;
        let known = self.engine.access.roster(conversation_id, user_id).await?;
        let highest = to.delivered.max(to.read);
        // The store is asked for the newest message only if this server has not seen one so new: another server may
        // have stored it.
        if !known.has_reached(highest) {
            let head = self.engine.stores.conversations.heads(&[conversation_id]).await?.pop();
            let reached = head.map_or(Seq::ZERO, |(_, head)| head.seq);
            if highest > reached {
                let detail = format!("the newest message is {reached}");
                let field = if to.read > reached { "read" } else { "delivered" };
                return Err(ConversationError::invalid(field, "past_the_head", detail));
            }
            known.reach(reached);
        }
        let watermarks = self
            .engine
            .receipts
            .advance(conversation_id, user_id, to, origin)
            .await?;
        Ok(watermarks.into())
    }

    /// Submits a change of a message, and returns the message as the caller sees it afterwards.
    fn revise(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        command: Command,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<protocol::Message, ConversationError>> + Send + 'static + use<> {
        let engine = Arc::clone(&self.engine);
        let actor = principal.user_id;
        let outcome = engine.committer.submit(submission(
            principal,
            conversation_id,
            origin,
            engine.runtime.clock.now(),
            command,
        ));
        async move {
            match outcome.await {
                Ok(CommitReply::Changed(message) | CommitReply::Unchanged(message)) => {
                    Ok(protocol::Message::seen_by(&message, actor))
                }
                Ok(CommitReply::Sent(_) | CommitReply::Nothing | CommitReply::Exists(_)) => {
                    Err(ConversationError::NotFound)
                }
                Err(error) => Err(error),
            }
        }
    }
}

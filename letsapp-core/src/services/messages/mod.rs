//! What members may do with messages.

mod draft;
mod history;
mod search;
mod sent;
#[cfg(test)]
mod tests;

pub use history::ChangesPage;
pub use sent::Sent;

use std::sync::Arc;

use crate::domain::emoji::Emoji;
use crate::domain::id::{ConnectionId, ConversationId, Seq};
use crate::domain::member::Watermarks;
use crate::domain::principal::Principal;
use crate::engine::Engine;
use crate::engine::commit::{Command, CommitReply, Refusal};
use crate::engine::error::ConversationError;
use crate::protocol;
use crate::protocol::requests::{EditMessage, SendMessage};
use crate::services::made::Made;
use crate::services::messages::draft::{sorted, submission};

/// Messages, as members handle them.
///
/// What changes a conversation ([`send`](Self::send), [`edit`](Self::edit), [`delete`](Self::delete),
/// [`react`](Self::react)) takes its place in the order when the method is called; the future only waits for what
/// comes of it, and dropping it cancels nothing.
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

    /// Sends a message: when the future is done, it is durable. The same request with the same id again returns that
    /// one message, as it now stands.
    ///
    /// # Errors
    /// - [`ConversationError::NotFound`] and [`ConversationError::Forbidden`] when one is not in the conversation;
    /// - [`ConversationError::Conflict`] when the id stands for another message;
    /// - [`ConversationError::Invalid`] when it answers or names what can't be answered or named;
    /// - [`ConversationError::Store`] when the store fails: it may have been sent; sending it again with its id is safe.
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

    /// Sends a message as [`send`](Self::send) does, for a reply in JSON: what its event says already is not written
    /// again.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
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
        let submitted = draft::message(&engine, sender, conversation_id, request, now).map(|message| {
            let (id, fingerprint) = (message.id, message.fingerprint);
            let send = Command::Send(Arc::new(message));
            let submission = submission(principal, conversation_id, origin, now, send);
            (engine.lanes.submit(submission), id, fingerprint)
        });
        async move {
            let (outcome, id, fingerprint) = submitted?;
            let outcome = outcome.await;
            if let Ok(CommitReply::Sent(event)) = outcome {
                engine.typing.sent(conversation_id, sender);
                return Ok(Sent::now(event));
            }
            // Thousands wait in the line above, and few come here: boxed, this makes none of them larger.
            Box::pin(sent::answer(&engine, outcome, conversation_id, sender, id, fingerprint)).await
        }
    }

    /// Changes the words of one's own message.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] when it is another's, too old, or deleted.
    pub fn edit(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
        request: EditMessage,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<protocol::Message, ConversationError>> + Send + 'static + use<> {
        let EditMessage { body, mentions } = request;
        let command = Command::Edit {
            seq,
            body: body.into_string(),
            mentions: sorted(mentions),
        };
        self.revise(principal, conversation_id, command, origin)
    }

    /// Deletes a message for everyone; a tombstone is left.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] unless one sent it or is an admin.
    pub fn delete(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<protocol::Message, ConversationError>> + Send + 'static + use<> {
        self.revise(principal, conversation_id, Command::Delete { seq }, origin)
    }

    /// Puts one's reaction on a message in place of the one before, or with `None` takes it off.
    ///
    /// # Errors
    /// [`ConversationError::Invalid`] when the message has too many different ones.
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

    /// Takes one's reaction off a message, if it is this emoji; another that replaced it since stays.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when one may not see the message.
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

    /// Says how far one has received and read; what was said before never falls.
    ///
    /// # Errors
    /// [`ConversationError::Invalid`] past the newest message.
    pub async fn advance(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        to: Watermarks,
        origin: Option<ConnectionId>,
    ) -> Result<protocol::Watermarks, ConversationError> {
        let user_id = principal.user_id;
        let known = self.engine.rosters.recent(conversation_id).await?;
        let Some(known) = known.filter(|known| known.member(user_id).is_some()) else {
            return Err(self
                .engine
                .access
                .explain(Refusal::Outsider, conversation_id, user_id)
                .await);
        };
        let highest = to.delivered.max(to.read);
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

    fn revise(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        command: Command,
        origin: Option<ConnectionId>,
    ) -> impl Future<Output = Result<protocol::Message, ConversationError>> + Send + 'static + use<> {
        let engine = Arc::clone(&self.engine);
        let actor = principal.user_id;
        let outcome = engine.lanes.submit(submission(
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
                Err(refusal) => Err(engine.access.explain(refusal, conversation_id, actor).await),
            }
        }
    }
}

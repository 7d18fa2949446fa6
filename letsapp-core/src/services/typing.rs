//! Typing indicators.

use std::sync::Arc;

use crate::domain::id::{ConversationId, Seq};
use crate::domain::principal::Principal;
use crate::domain::typing::Typing;
use crate::engine::Engine;
use crate::engine::error::ConversationError;
use crate::engine::rosters::CachedRoster;

/// The service for typing indicators.
///
/// A client may report every key press. The other members get at most one event in three seconds while a user types,
/// and one at once when the user stops. An indicator also ends when the user sends a message, and by itself
/// [`Rules::typing_timeout`](crate::Rules::typing_timeout) after the last report.
///
/// ```
/// # use letsapp_core::{LetsApp, domain::{id::ConnectionId, typing::Typing}};
/// # use letsapp_core::protocol::{Event, requests::{CreateConversation, SendMessage}};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
/// let direct = CreateConversation::Direct { user_id: ben.user_id };
/// let (chat, _) = app.conversations().create(&ana, direct, None).await?;
/// app.messages().send(&ana, chat.id, SendMessage::text("Hello!")?, None).await?;
/// let phone = app.hub().connect(ben, ConnectionId::from_uuid(app.ids().random()));
/// app.typing().set(&ana, chat.id, Typing::Started).await?;
/// let mut events = Vec::new();
/// loop {
///     phone.drain(&mut events).await.unwrap();
///     if matches!(events[events.len() - 1].event()?, Event::Typing { typing: true, .. }) {
///         break;
///     }
/// }
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct TypingService {
    engine: Arc<Engine>,
}

impl TypingService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Reports that the caller types in a conversation, or has stopped.
    ///
    /// In a direct conversation with a block between the two users the report is dropped without an error, so that the
    /// caller does not learn of the block. In one without a message it is dropped too, since the other user has not got
    /// the conversation yet.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller never was a member of the conversation,
    /// [`ConversationError::Forbidden`] when they have left it.
    pub async fn set(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        typing: Typing,
    ) -> Result<(), ConversationError> {
        let user_id = principal.user_id;
        let known = self.engine.access.roster(conversation_id, user_id).await?;
        if known.direct_policy.check(user_id).is_ok() && self.is_begun(&known).await? {
            self.engine.typing.on_input(&known, user_id, typing);
        }
        Ok(())
    }

    /// Tells whether a conversation has a message, so that all its members have got it.
    async fn is_begun(&self, known: &CachedRoster) -> Result<bool, ConversationError> {
        if known.has_reached(Seq(1)) {
            return Ok(true);
        }
        // Read until there is one, and then known as long as the roster is cached.
        let id = known.roster.conversation.id;
        let heads = self.engine.stores.conversations.heads(&[id]).await?;
        let seq = heads.first().map_or(Seq::ZERO, |(_, head)| head.seq);
        known.reach(seq);
        Ok(seq > Seq::ZERO)
    }
}

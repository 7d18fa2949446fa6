//! Typing indicators.

use std::sync::Arc;

use crate::domain::id::ConversationId;
use crate::domain::principal::Principal;
use crate::domain::typing::Typing;
use crate::engine::Engine;
use crate::engine::error::ConversationError;

/// The service for typing indicators.
///
/// A client may report every key press. The other members get at most one event in three seconds while a user types,
/// and one at once when the user stops. An indicator also ends when the user sends a message, and by itself
/// [`Rules::typing_timeout`](crate::Rules::typing_timeout) after the last report.
///
/// ```
/// # use letsapp_core::{LetsApp, domain::{id::ConnectionId, typing::Typing}, protocol::{Event, requests::CreateConversation}};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
/// let direct = CreateConversation::Direct { user_id: ben.user_id };
/// let (chat, _) = app.conversations().create(&ana, direct, None).await?;
/// let phone = app.hub().connect(ben, ConnectionId::from_uuid(app.ids().random()));
/// app.typing().set(&ana, chat.id, Typing::Started).await?;
/// let mut events = Vec::new();
/// phone.drain(&mut events).await.unwrap();
/// assert!(matches!(events[0].event()?, Event::Typing { typing: true, .. }));
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
    /// caller does not learn of the block.
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
        if known.direct_policy.check(user_id).is_ok() {
            self.engine.typing.on_input(&known, user_id, typing);
        }
        Ok(())
    }
}

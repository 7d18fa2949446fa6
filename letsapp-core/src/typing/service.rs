//! Saying that one types.

use std::sync::Arc;

use super::{Typing, Typists};
use crate::auth::Principal;
use crate::conversations::rosters::Rosters;
use crate::conversations::{Access, ConversationError, Refusal};
use crate::id::ConversationId;

/// Typing, as the members of a conversation see it.
///
/// A client says it with every key press, if it likes; the others are told once in three seconds at most, and that it
/// has stopped at once. It ends by itself some seconds after it was last said, and with the message that was typed.
///
/// ```
/// # use letsapp_core::{LetsApp, event::Event, id::ConnectionId, protocol::requests::CreateConversation, typing::Typing};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
/// let direct = CreateConversation::Direct { user_id: ben.user_id };
/// let (chat, _) = app.conversations().create(&ana, direct, None).await?;
/// let phone = app.hub().connect(ben, ConnectionId::from_uuid(app.ids().random()));
/// app.typing().set(&ana, chat.id, Typing::Goes).await?;
/// let mut events = Vec::new();
/// phone.drain(&mut events).await.unwrap();
/// assert!(matches!(events[0].event(), Event::Typing { typing: true, .. }));
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct TypingService {
    ports: Arc<Ports>,
}

pub(crate) struct Ports {
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) typists: Arc<Typists>,
    pub(crate) access: Access,
}

impl TypingService {
    pub(crate) fn new(ports: Ports) -> Self {
        Self { ports: Arc::new(ports) }
    }

    /// Says that one types, or has stopped. Where a block stands between two, nobody is told, and nobody learns of it.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] and [`ConversationError::Forbidden`] when one is not in the conversation.
    pub async fn set(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        typing: Typing,
    ) -> Result<(), ConversationError> {
        let user_id = principal.user_id;
        let known = self.ports.rosters.recent(conversation_id).await?;
        let Some(known) = known.filter(|known| known.member(user_id).is_some()) else {
            let access = &self.ports.access;
            return Err(access.explain(Refusal::Outsider, conversation_id, user_id).await);
        };
        if known.barrier.pass(user_id).is_ok() {
            self.ports.typists.heard(&known, user_id, typing);
        }
        Ok(())
    }
}

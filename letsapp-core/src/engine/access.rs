//! Access checks: a user has to be or have been a member before reading a conversation, and a current member before
//! changing it.

use std::sync::Arc;

use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::Member;
use crate::engine::error::{ConversationError, Forbidden};
use crate::ports::{ConversationRepository, RepositoryError};

/// Checks who may read or change a conversation. Membership is read from the store, never from a cache: a user who was
/// just removed must not pass.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) conversations: Arc<dyn ConversationRepository>,
}

/// Proof that a user is or was a member. The windows of the record say which messages the user may read.
pub(crate) struct Granted(pub(crate) Member);

impl Access {
    /// Grants reading to current and former members.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] for anybody else, whether the conversation exists or not.
    pub(crate) async fn reader(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> Result<Granted, ConversationError> {
        let member = self
            .member(conversation_id, user_id)
            .await?
            .ok_or(ConversationError::NotFound)?;
        Ok(Granted(member))
    }

    /// Grants changes to current members.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] for users who never were members, [`Forbidden::NotAMember`] for former members.
    pub(crate) async fn participant(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> Result<Granted, ConversationError> {
        let granted = self.reader(conversation_id, user_id).await?;
        if granted.0.is_in() {
            Ok(granted)
        } else {
            Err(ConversationError::Forbidden(Forbidden::NotAMember))
        }
    }

    /// Returns the error for a user whom a cached roster does not list: a user who never was a member does not learn
    /// that the conversation exists.
    pub(crate) async fn outsider(&self, conversation_id: ConversationId, user_id: UserId) -> ConversationError {
        match self.reader(conversation_id, user_id).await {
            Ok(_) => ConversationError::Forbidden(Forbidden::NotAMember),
            Err(error) => error,
        }
    }

    async fn member(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> Result<Option<Member>, RepositoryError> {
        Ok(self.conversations.members(&[(conversation_id, user_id)]).await?.pop())
    }
}

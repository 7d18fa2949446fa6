//! What somebody must have shown before they read or change anything in a conversation.

use std::sync::Arc;

use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::Member;
use crate::engine::commit::Refusal;
use crate::engine::error::{ConversationError, Forbidden};
use crate::ports::{ConversationRepository, RepositoryError};

/// Looks up who may read what. Membership is taken from the store, never from a cache.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) conversations: Arc<dyn ConversationRepository>,
}

/// Proof that somebody is or was a member: what they may read stands in their record.
pub(crate) struct Granted(pub(crate) Member);

impl Access {
    /// Lets somebody read who is or was a member.
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

    /// Lets somebody change who is a member.
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

    /// Says to somebody whom a lane refused what they may know: who never was a member learns nothing.
    pub(crate) async fn explain(
        &self,
        refusal: Refusal,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> ConversationError {
        match refusal {
            Refusal::Error(error) => error,
            Refusal::Outsider => match self.member(conversation_id, user_id).await {
                Ok(Some(_)) => ConversationError::Forbidden(Forbidden::NotAMember),
                Ok(None) => ConversationError::NotFound,
                Err(error) => ConversationError::Store(error),
            },
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

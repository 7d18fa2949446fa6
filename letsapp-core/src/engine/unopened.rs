//! Direct conversations without a message. Such a one is only shown to the user who began it: the other user learns of
//! it with the first message.

use std::collections::HashSet;

use crate::domain::id::{ConversationId, UserId};
use crate::ports::{ConversationRepository, RepositoryError};

/// Returns those of a user's conversations that are not shown to that user, because they are direct, another user began
/// them, and they have no message.
///
/// `empty` holds those of the user's conversations that have no message.
///
/// # Errors
/// [`RepositoryError`] when the store fails.
pub(crate) async fn hidden(
    conversations: &dyn ConversationRepository,
    user_id: UserId,
    empty: &[ConversationId],
) -> Result<HashSet<ConversationId>, RepositoryError> {
    if empty.is_empty() {
        return Ok(HashSet::new());
    }
    let found = conversations.find(empty).await?.into_iter();
    let others = found.filter(|conversation| conversation.pair.is_some() && conversation.created_by != user_id);
    Ok(others.map(|conversation| conversation.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::{Conversation, Kind};
    use crate::engine::fixtures::{ANA, BEN, CHAT, conversation};
    use crate::ports::MockConversationRepository;

    #[tokio::test]
    async fn an_empty_direct_conversation_is_its_beginners_alone() {
        let mut conversations = MockConversationRepository::new();
        conversations.expect_find().times(2).returning(|_| {
            Ok(vec![Conversation {
                created_by: ANA,
                ..conversation(Kind::Direct)
            }])
        });
        let hidden_from = async |user_id| hidden(&conversations, user_id, &[CHAT]).await.unwrap();
        assert_eq!(hidden_from(BEN).await, HashSet::from([CHAT]));
        assert_eq!(hidden_from(ANA).await, HashSet::new());
    }
}

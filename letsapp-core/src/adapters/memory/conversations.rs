//! Conversations and their members.

use async_trait::async_trait;

use super::chats;
use super::chats::{read, write};
use super::gate::Gate;
use crate::domain::conversation::{Conversation, Head, Roster};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::{Member, PreferencesPatch};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Advance, Advanced, ConversationRepository, Creation, RepositoryError};

#[derive(Debug)]
pub(super) struct MemoryConversations {
    pub(super) gate: Gate,
    pub(super) chats: chats::Shared,
}

#[async_trait]
impl ConversationRepository for MemoryConversations {
    async fn create_direct(&self, conversation: Conversation, at: Timestamp) -> Result<Creation, RepositoryError> {
        self.gate.pass()?;
        Ok(write(&self.chats).create_direct(conversation, at))
    }

    async fn find(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let found = ids.iter().filter_map(|id| chats.chat(*id));
        Ok(found.map(|chat| chat.conversation.clone()).collect())
    }

    async fn rosters(&self, ids: &[ConversationId]) -> Result<Vec<Roster>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let found = ids.iter().filter_map(|id| chats.chat(*id));
        Ok(found.map(|chat| chat.roster()).collect())
    }

    async fn heads(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Head)>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let found = ids.iter().filter_map(|id| chats.chat(*id));
        Ok(found.map(|chat| (chat.conversation.id, chat.log.head())).collect())
    }

    async fn member_counts(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, usize)>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let found = ids.iter().filter_map(|id| chats.chat(*id));
        Ok(found
            .map(|chat| (chat.conversation.id, chat.members_in().count()))
            .collect())
    }

    async fn members(&self, of: &[(ConversationId, UserId)]) -> Result<Vec<Member>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let found = of.iter().filter_map(|(id, user_id)| chats.chat(*id)?.member(*user_id));
        Ok(found.cloned().collect())
    }

    async fn memberships(&self, user_id: UserId) -> Result<Vec<Member>, RepositoryError> {
        self.gate.pass()?;
        Ok(read(&self.chats).memberships(user_id).cloned().collect())
    }

    async fn advance(&self, advances: Vec<Advance>) -> Result<Vec<Option<Advanced>>, RepositoryError> {
        self.gate.pass()?;
        let mut chats = write(&self.chats);
        let mut raise = |advance: &Advance| {
            let member = chats.member_mut(advance.conversation_id, advance.user_id)?;
            let from = member.watermarks;
            member.watermarks = from.merge(advance.to);
            if member.watermarks != from {
                member.changed_at = member.changed_at.max(advance.at);
            }
            Some(Advanced {
                from,
                to: member.watermarks,
            })
        };
        Ok(advances.iter().map(&mut raise).collect())
    }

    async fn update_preferences(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        patch: PreferencesPatch,
        at: Timestamp,
    ) -> Result<Option<Member>, RepositoryError> {
        self.gate.pass()?;
        let mut chats = write(&self.chats);
        let Some(member) = chats.member_mut(conversation_id, user_id) else {
            return Ok(None);
        };
        patch.apply(&mut member.preferences);
        member.changed_at = member.changed_at.max(at);
        Ok(Some(member.clone()))
    }

    async fn deleted(&self, before: Timestamp, limit: usize) -> Result<Vec<ConversationId>, RepositoryError> {
        self.gate.pass()?;
        Ok(read(&self.chats).deleted(before, limit))
    }

    async fn purge(&self, id: ConversationId, limit: usize) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        Ok(write(&self.chats).purge(id, limit))
    }
}

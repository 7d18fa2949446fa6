//! Conversations and their members in memory.

use std::collections::HashSet;

use async_trait::async_trait;

use super::conversation_table;
use super::conversation_table::{read, write};
use super::gate::Gate;
use crate::domain::conversation::{Conversation, Head, Pair, Roster};
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::mark::Since;
use crate::domain::member::{Member, PreferencesPatch};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Advance, Advanced, ConversationRepository, Creation, RepositoryError, Standings};

#[derive(Debug)]
pub(super) struct MemoryConversations {
    pub(super) gate: Gate,
    pub(super) table: conversation_table::Shared,
}

#[async_trait]
impl ConversationRepository for MemoryConversations {
    async fn create_direct(&self, conversation: Conversation, at: Timestamp) -> Result<Creation, RepositoryError> {
        self.gate.pass()?;
        Ok(write(&self.table).create_direct(conversation, at))
    }

    async fn direct(&self, pairs: &[Pair]) -> Result<Vec<(Pair, ConversationId)>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let found = pairs.iter().filter_map(|pair| Some((*pair, table.direct(*pair)?)));
        Ok(found.collect())
    }

    async fn find(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let found = ids.iter().filter_map(|id| table.entry(*id));
        Ok(found.map(|entry| entry.conversation.clone()).collect())
    }

    async fn rosters(&self, ids: &[ConversationId]) -> Result<Vec<Roster>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let found = ids.iter().filter_map(|id| table.entry(*id));
        Ok(found.map(|entry| entry.roster()).collect())
    }

    async fn heads(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Head)>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let found = ids.iter().filter_map(|id| table.entry(*id));
        Ok(found.map(|entry| (entry.conversation.id, entry.log.head())).collect())
    }

    async fn activity(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Timestamp)>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let found = ids.iter().filter_map(|id| Some((*id, table.entry(*id)?.log.latest()?)));
        Ok(found.collect())
    }

    async fn member_counts(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, usize)>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let found = ids.iter().filter_map(|id| table.entry(*id));
        Ok(found
            .map(|entry| (entry.conversation.id, entry.members_in().count()))
            .collect())
    }

    async fn members(&self, of: &[(ConversationId, UserId)]) -> Result<Vec<Member>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let found = of.iter().filter_map(|(id, user_id)| table.entry(*id)?.member(*user_id));
        Ok(found.cloned().collect())
    }

    async fn memberships(&self, user_id: UserId) -> Result<Vec<Member>, RepositoryError> {
        self.gate.pass()?;
        Ok(read(&self.table).memberships(user_id).cloned().collect())
    }

    async fn acquainted(&self, user_id: UserId, with: &[UserId]) -> Result<Vec<UserId>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let present = |user_id| table.memberships(user_id).filter(|member| member.is_in());
        let is_begun = |id: &ConversationId| table.entry(*id).is_some_and(|entry| entry.log.head().seq > Seq::ZERO);
        let mine = present(user_id).map(|member| member.conversation_id);
        let mine: HashSet<_> = mine.filter(is_begun).collect();
        let with: HashSet<_> = with.iter().copied().collect();
        let shares = |other: &UserId| present(*other).any(|member| mine.contains(&member.conversation_id));
        Ok(with.into_iter().filter(shares).collect())
    }

    async fn standings(&self, user_id: UserId, since: Since) -> Result<Standings, RepositoryError> {
        self.gate.pass()?;
        Ok(read(&self.table).standings(user_id, since))
    }

    async fn revs(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Rev)>, RepositoryError> {
        let heads = self.heads(ids).await?;
        Ok(heads.into_iter().map(|(id, head)| (id, head.rev)).collect())
    }

    async fn advance(&self, advances: Vec<Advance>) -> Result<Vec<Option<Advanced>>, RepositoryError> {
        self.gate.pass()?;
        let mut table = write(&self.table);
        let mut raise = |advance: &Advance| {
            let (id, user_id) = (advance.conversation_id, advance.user_id);
            let from = table.entry(id)?.member(user_id)?.watermarks;
            let to = from.merge(advance.to);
            if to != from {
                let member = table.change_member(id, user_id)?;
                member.watermarks = to;
                member.changed_at = member.changed_at.max(advance.at);
            }
            Some(Advanced { from, to })
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
        let mut table = write(&self.table);
        let Some(member) = table.change_member(conversation_id, user_id) else {
            return Ok(None);
        };
        patch.apply(&mut member.preferences);
        member.changed_at = member.changed_at.max(at);
        Ok(Some(member.clone()))
    }

    async fn put_departure(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        departure: Departure,
    ) -> Result<(), RepositoryError> {
        self.gate.pass()?;
        let mut table = write(&self.table);
        let member = table.entry(conversation_id).and_then(|entry| entry.member(user_id));
        if member.is_some_and(|member| member.takes(&departure))
            && let Some(member) = table.change_member(conversation_id, user_id)
        {
            member.departure = Some(Box::new(departure));
        }
        Ok(())
    }

    async fn deleted(&self, before: Timestamp, limit: usize) -> Result<Vec<ConversationId>, RepositoryError> {
        self.gate.pass()?;
        Ok(read(&self.table).deleted(before, limit))
    }

    async fn purge(&self, id: ConversationId, limit: usize) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        Ok(write(&self.table).purge(id, limit))
    }
}

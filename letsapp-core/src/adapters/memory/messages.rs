//! Messages: the one way in, and the reads.

use std::cmp::Reverse;

use async_trait::async_trait;

use super::chats;
use super::chats::{read, write};
use super::gate::Gate;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::search::{Hit, Search};
use crate::domain::window::{Span, Window};
use crate::ports::{Change, MessageRepository, Outcome, Range, RepositoryError};

#[derive(Debug)]
pub(super) struct MemoryMessages {
    pub(super) gate: Gate,
    pub(super) chats: chats::Shared,
}

/// One lane waits for the lock while the other publishes; more would only wait.
const LANES: usize = 2;

#[async_trait]
impl MessageRepository for MemoryMessages {
    fn lanes(&self) -> usize {
        LANES
    }

    async fn commit(&self, changes: Vec<Change>) -> Vec<Result<Outcome, RepositoryError>> {
        let mut chats = write(&self.chats);
        let mut carry_out = |change| {
            self.gate.pass()?;
            Ok(chats.carry_out(change))
        };
        changes.into_iter().map(&mut carry_out).collect()
    }

    async fn find(&self, at: &[(ConversationId, Seq)]) -> Result<Vec<Message>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let found = at.iter().filter_map(|(id, seq)| chats.chat(*id)?.log.find(*seq));
        Ok(found.collect())
    }

    async fn find_by_id(
        &self,
        conversation_id: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        Ok(chats.chat(conversation_id).and_then(|chat| chat.log.find_by_id(id)))
    }

    async fn history(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        range: Range,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let chat = chats.chat(conversation_id);
        Ok(chat.map_or_else(Vec::new, |chat| chat.log.history(windows, range, limit)))
    }

    async fn changes(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        after: Rev,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let chat = chats.chat(conversation_id);
        Ok(chat.map_or_else(Vec::new, |chat| chat.log.changes(windows, after, limit)))
    }

    async fn search(&self, search: Search) -> Result<Vec<Hit>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let within = search.within.iter();
        let logs = within.filter_map(|scope| Some((&chats.chat(scope.conversation_id)?.log, &scope.windows)));
        let mut hits: Vec<_> = logs
            .flat_map(|(log, windows)| log.hits(windows, &search))
            .filter(|hit| search.past.is_none_or(|past| hit.rank() < past))
            .collect();
        hits.sort_unstable_by_key(|hit| Reverse(hit.rank()));
        hits.truncate(search.limit);
        Ok(hits)
    }

    async fn count_unread(&self, spans: &[Span]) -> Result<Vec<u64>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let tally = |span: &Span| {
            chats
                .chat(span.conversation_id)
                .map_or(0, |chat| chat.log.count_unread(*span))
        };
        Ok(spans.iter().map(tally).collect())
    }

    async fn senders(&self, span: Span) -> Result<Vec<UserId>, RepositoryError> {
        self.gate.pass()?;
        let chats = read(&self.chats);
        let chat = chats.chat(span.conversation_id);
        Ok(chat.map_or_else(Vec::new, |chat| chat.log.senders(span)))
    }
}

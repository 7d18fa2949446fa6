//! Messages in memory.

use std::cmp::Reverse;

use async_trait::async_trait;

use super::conversation_table;
use super::conversation_table::{read, write};
use super::gate::Gate;
use crate::adapters::deadline::Deadline;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::search::{Found, Hit, Scope, Search};
use crate::domain::window::{Span, Window};
use crate::ports::{Change, MessageRepository, Outcomes, Range, RepositoryError, SenderQuery};

#[derive(Debug)]
pub(super) struct MemoryMessages {
    pub(super) gate: Gate,
    pub(super) table: conversation_table::Shared,
}

/// Number of commits that run at once: while one publishes its events, another holds the lock. All commits need the
/// same lock, so more of them would only wait for it.
const CONCURRENT_COMMITS: usize = 2;

/// Number of messages that a search analyses under one lock: well below a millisecond.
const SEARCHED_PER_STEP: usize = 128;

impl MemoryMessages {
    /// Looks at a few messages of a conversation before a place, merges those that match into the best hits, and
    /// returns the place from which to go on; `None` at the beginning of the conversation.
    fn look(
        &self,
        scope: &Scope,
        before: Seq,
        search: &Search,
        best: &mut Vec<Hit>,
    ) -> Result<Option<Seq>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let Some(entry) = table.entry(scope.conversation_id) else {
            return Ok(None);
        };
        let (hits, next) = entry.log.hits(&scope.windows, before, SEARCHED_PER_STEP, search);
        drop(table);
        if !hits.is_empty() {
            best.extend(hits);
            best.sort_unstable_by_key(|hit| Reverse(hit.rank()));
            best.truncate(search.limit);
        }
        Ok(next)
    }
}

#[async_trait]
impl MessageRepository for MemoryMessages {
    fn concurrent_commits(&self) -> usize {
        CONCURRENT_COMMITS
    }

    fn commit(&self, changes: Vec<Change>) -> Outcomes {
        // One lock for the whole batch. The gate is checked for each change, so that closing the store stops a batch.
        let mut table = write(&self.table);
        let mut carry_out = |change| {
            self.gate.pass()?;
            Ok(table.carry_out(change))
        };
        Outcomes::ready(changes.into_iter().map(&mut carry_out).collect())
    }

    async fn find(&self, at: &[(ConversationId, Seq)]) -> Result<Vec<Message>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let found = at.iter().filter_map(|(id, seq)| table.entry(*id)?.log.find(*seq));
        Ok(found.collect())
    }

    async fn find_by_id(
        &self,
        conversation_id: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        Ok(table.entry(conversation_id).and_then(|entry| entry.log.find_by_id(id)))
    }

    async fn history(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        range: Range,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let entry = table.entry(conversation_id);
        Ok(entry.map_or_else(Vec::new, |entry| entry.log.history(windows, range, limit)))
    }

    async fn changes(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        after: Rev,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let entry = table.entry(conversation_id);
        Ok(entry.map_or_else(Vec::new, |entry| entry.log.changes(windows, after, limit)))
    }

    async fn announcements(
        &self,
        conversation_id: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let entry = table.entry(conversation_id);
        Ok(entry.map_or_else(Vec::new, |entry| entry.log.announcements(after, limit)))
    }

    async fn search(&self, search: Search) -> Result<Found, RepositoryError> {
        self.gate.pass()?;
        let deadline = Deadline::after(search.budget);
        let mut found = Found::default();
        'search: for scope in &search.within {
            let mut before = Some(Seq(u64::MAX));
            while let Some(next) = before {
                if deadline.has_passed() {
                    found.partial = true;
                    break 'search;
                }
                before = self.look(scope, next, &search, &mut found.hits)?;
                // Others get their turn between two steps.
                tokio::task::yield_now().await;
            }
        }
        Ok(found)
    }

    async fn count_unread(&self, spans: &[Span]) -> Result<Vec<u64>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let count = |span: &Span| {
            table
                .entry(span.conversation_id)
                .map_or(0, |entry| entry.log.count_unread(*span))
        };
        Ok(spans.iter().map(count).collect())
    }

    async fn last_sent(
        &self,
        of: &[(ConversationId, UserId)],
    ) -> Result<Vec<((ConversationId, UserId), Seq)>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let last = |key: &(ConversationId, UserId)| Some((*key, table.entry(key.0)?.log.last_sent(key.1)?));
        Ok(of.iter().filter_map(last).collect())
    }

    async fn senders(&self, asked: &[SenderQuery]) -> Result<Vec<Vec<UserId>>, RepositoryError> {
        self.gate.pass()?;
        let table = read(&self.table);
        let answer = |SenderQuery { span, among }: &SenderQuery| {
            let log = table.entry(span.conversation_id).map(|entry| &entry.log);
            let sent = among
                .iter()
                .filter(|user_id| log.is_some_and(|log| log.has_sent(**user_id, *span)));
            sent.copied().collect()
        };
        Ok(asked.iter().map(answer).collect())
    }
}

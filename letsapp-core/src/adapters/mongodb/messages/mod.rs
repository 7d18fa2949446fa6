//! Messages, on the collection `messages`: all writes go through [`commit`]; the other modules read.

mod changes;
mod commit;
mod content;
mod documents;
mod driver;
mod group_update;
pub(super) mod head;
mod head_cache;
mod history;
mod isolated;
mod lookups;
mod requests;
mod search;
mod senders;
mod sequencer;
mod tokens;
mod unread;

use std::sync::Arc;

use async_trait::async_trait;

use self::commit::Committer;
use self::search::Searcher;
use super::connection::Connection;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::search::{Found, Search};
use crate::domain::window::{Span, Window};
use crate::ports::{Change, MessageRepository, Outcomes, Range, RepositoryError, SenderQuery};

/// Message repository on the collection `messages`.
#[derive(Debug)]
pub(super) struct MongoMessages {
    connection: Arc<Connection>,
    committer: Arc<Committer>,
    searcher: Searcher,
}

/// Number of commits under way at once. While the server writes one batch, the next one fills; a third only makes the
/// batches smaller.
const CONCURRENT_COMMITS: usize = 2;

impl MongoMessages {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            committer: Arc::new(Committer::new(Arc::clone(&connection))),
            searcher: Searcher::new(Arc::clone(&connection)),
            connection,
        }
    }
}

#[async_trait]
impl MessageRepository for MongoMessages {
    fn concurrent_commits(&self) -> usize {
        CONCURRENT_COMMITS
    }

    fn commit(&self, changes: Vec<Change>) -> Outcomes {
        self.committer.commit(changes)
    }

    async fn find(&self, at: &[(ConversationId, Seq)]) -> Result<Vec<Message>, RepositoryError> {
        history::find(&self.connection, at).await
    }

    async fn find_by_id(
        &self,
        conversation_id: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, RepositoryError> {
        let found = lookups::by_id(&self.connection, &[(conversation_id, id)]).await?;
        Ok(found.into_values().next())
    }

    async fn history(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        range: Range,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        history::history(&self.connection, conversation_id, windows, range, limit).await
    }

    async fn changes(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        after: Rev,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        changes::after(&self.connection, conversation_id, windows, after, limit).await
    }

    async fn announcements(
        &self,
        conversation_id: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        history::announcements(&self.connection, conversation_id, after, limit).await
    }

    async fn search(&self, search: Search) -> Result<Found, RepositoryError> {
        self.searcher.search(&search).await
    }

    async fn count_unread(&self, spans: &[Span]) -> Result<Vec<u64>, RepositoryError> {
        unread::count_unread(&self.connection, spans).await
    }

    async fn last_sent(
        &self,
        of: &[(ConversationId, UserId)],
    ) -> Result<Vec<((ConversationId, UserId), Seq)>, RepositoryError> {
        senders::last_sent(&self.connection, of).await
    }

    async fn senders(&self, asked: &[SenderQuery]) -> Result<Vec<Vec<UserId>>, RepositoryError> {
        senders::senders(&self.connection, asked).await
    }
}

//! Messages, on the collection `messages`: all writes go through [`commit`]; the other modules read.

mod changes;
mod command_replies;
mod commit;
mod content;
mod documents;
pub(super) mod head;
mod history;
mod lookups;
pub(super) mod membership;
mod search;
mod sequencing;
mod standing;
mod tokens;
mod unread;

use std::sync::Arc;

use async_trait::async_trait;

use self::commit::Commit;
use self::documents::MessageKey;
use self::standing::Heads;
use super::connection::Connection;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::search::{Hit, Search};
use crate::domain::window::{Span, Window};
use crate::ports::{Change, MessageRepository, Outcomes, Range, RepositoryError};

/// Message repository on the collection `messages`.
#[derive(Debug)]
pub(super) struct MongoMessages {
    connection: Arc<Connection>,
    /// Newest known head of each conversation that this server writes to.
    heads: Arc<Heads>,
}

/// Number of commits under way at once. While the server writes one batch, the next one fills; a third only makes the
/// batches smaller.
const CONCURRENT_COMMITS: usize = 2;

impl MongoMessages {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            heads: Arc::default(),
        }
    }
}

#[async_trait]
impl MessageRepository for MongoMessages {
    fn concurrent_commits(&self) -> usize {
        CONCURRENT_COMMITS
    }

    fn commit(&self, changes: Vec<Change>) -> Outcomes {
        let (connection, heads) = (Arc::clone(&self.connection), Arc::clone(&self.heads));
        Outcomes::together(async move {
            match connection.admit().await {
                Ok(connection) => Commit::new(&connection, &heads, changes).run().await,
                Err(closed) => {
                    let closed = closed.to_string();
                    changes
                        .iter()
                        .map(|_| Err(RepositoryError::unavailable(closed.clone())))
                        .collect()
                }
            }
        })
    }

    async fn find(&self, at: &[(ConversationId, Seq)]) -> Result<Vec<Message>, RepositoryError> {
        history::find(&self.connection, at).await
    }

    async fn find_by_id(
        &self,
        conversation_id: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, RepositoryError> {
        let key = MessageKey::new(conversation_id, id);
        let found = lookups::by_key(&self.connection, &[key]).await?;
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

    async fn search(&self, search: Search) -> Result<Vec<Hit>, RepositoryError> {
        search::search(&self.connection, &search).await
    }

    async fn count_unread(&self, spans: &[Span]) -> Result<Vec<u64>, RepositoryError> {
        unread::count_unread(&self.connection, spans).await
    }

    async fn senders(&self, span: Span) -> Result<Vec<UserId>, RepositoryError> {
        unread::senders(&self.connection, span).await
    }
}

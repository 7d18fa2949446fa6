//! Messages in SQLite.

mod changes;
mod commit;
pub(super) mod last_sent;
mod reactions;
mod row;
mod search;
mod senders;
pub(super) mod sent;
pub(super) mod stored;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::database::Database;
use super::error;
use super::values::integer;
use crate::adapters::deadline::Deadline;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::search::{Found, Search};
use crate::domain::window::{Span, Window};
use crate::ports::{Change, MessageRepository, Outcomes, Range, RepositoryError, SenderQuery};

pub(super) struct SqliteMessages(pub(super) Arc<Database>);

/// Number of commits that run at once. There is one writer thread, and changes that wait for it form the next batch.
const CONCURRENT_COMMITS: usize = 1;

const NEWEST_FIRST: &str = row::select!("conversation_id = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq DESC LIMIT ?4");
const OLDEST_FIRST: &str = row::select!("conversation_id = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq LIMIT ?4");
const ANNOUNCEMENTS: &str = row::select!(
    "conversation_id = ?1 AND seq > ?2 AND system IS NOT NULL AND system ->> 'type' <> 'call' ORDER BY seq LIMIT ?3"
);
// Ordinals number the messages of users, so their difference counts a span without reading it. Only deleted messages
// are visited, through an index that contains nothing else.
pub(super) const COUNT_UNREAD: &str = "
    SELECT
        coalesce((
            SELECT ordinal FROM messages WHERE conversation_id = ?1 AND seq <= ?3 ORDER BY seq DESC LIMIT 1
        ), 0)
        - coalesce((
            SELECT ordinal FROM messages WHERE conversation_id = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1
        ), 0)
        - (
            SELECT count(*) FROM messages
            WHERE conversation_id = ?1 AND seq > ?2 AND seq <= ?3 AND deleted_at IS NOT NULL AND system IS NULL
        )";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[
    row::BY_SEQ,
    row::BY_ID,
    NEWEST_FIRST,
    OLDEST_FIRST,
    changes::BY_REV,
    changes::BY_SEQ,
    changes::NEWEST,
    ANNOUNCEMENTS,
    COUNT_UNREAD,
    senders::LAST_SENT,
    senders::HAS_SENT,
    senders::SENDERS,
    reactions::OF_MESSAGE,
    search::MATCHES,
    search::VISIBLE,
    search::PLACE,
];

#[cfg(test)]
pub(super) use search::VISIBLE;
#[cfg(test)]
pub(super) use senders::{HAS_SENT, LAST_SENT};

/// Statements that must get their order from an index, since a conversation has any number of messages.
#[cfg(test)]
pub(super) const PAGES: &[&str] = &[NEWEST_FIRST, OLDEST_FIRST, changes::BY_REV, ANNOUNCEMENTS];

/// Returns at most `limit` messages of a range that lie in the windows, in the order of the range.
fn history(
    connection: &Connection,
    id: ConversationId,
    windows: &[Window],
    range: Range,
    limit: usize,
) -> rusqlite::Result<Vec<Message>> {
    let (sql, after, through) = match range {
        Range::Newest => (NEWEST_FIRST, Seq::ZERO, Seq(u64::MAX)),
        Range::Before(seq) => (NEWEST_FIRST, Seq::ZERO, Seq(seq.0.saturating_sub(1))),
        Range::After(seq) => (OLDEST_FIRST, seq, Seq(u64::MAX)),
        Range::Between { after, before } => (OLDEST_FIRST, after, Seq(before.0.saturating_sub(1))),
    };
    let mut windows: Vec<&Window> = windows.iter().collect();
    if sql == NEWEST_FIRST {
        // Windows are stored oldest first.
        windows.reverse();
    }
    let mut messages = Vec::new();
    for window in windows {
        let from = window.from.max(Seq(after.0.saturating_add(1)));
        let to = window.to.map_or(through, |to| to.min(through));
        let room = limit - messages.len();
        if room == 0 {
            break;
        }
        if from <= to {
            row::all(
                connection,
                sql,
                params![id, from, to, integer(room as u64)],
                room,
                &mut messages,
                |_| true,
            )?;
        }
    }
    Ok(messages)
}

/// Counts the messages of users in a span, without deleted ones.
fn count_unread(connection: &Connection, span: &Span) -> rusqlite::Result<u64> {
    let count: i64 = connection
        .prepare_cached(COUNT_UNREAD)?
        .query_row(params![span.conversation_id, span.after, span.through], |row| {
            row.get(0)
        })?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Returns the memory that changes take, in bytes, as far as it grows with what users wrote.
fn size(changes: &[Change]) -> usize {
    let message = |message: &Message| size_of::<Message>() + message.body().len();
    let change = |change: &Change| {
        let preceding = change
            .preceding()
            .iter()
            .map(|preceding| message(preceding))
            .sum::<usize>();
        size_of::<Change>() + message(change.message()) + preceding
    };
    changes.iter().map(change).sum()
}

#[async_trait]
impl MessageRepository for SqliteMessages {
    fn concurrent_commits(&self) -> usize {
        CONCURRENT_COMMITS
    }

    fn commit(&self, changes: Vec<Change>) -> Outcomes {
        let database = Arc::clone(&self.0);
        // One transaction has one sync of the disk, so all of its changes become durable at once.
        Outcomes::together(async move {
            if changes.is_empty() {
                return Vec::new();
            }
            let count = changes.len();
            let committed = database
                .writer
                .write_sized(size(&changes), move |transaction| {
                    commit::carry_out(transaction, &changes)
                })
                .await;
            match committed {
                Ok(outcomes) => outcomes.into_iter().map(|outcome| outcome.map_err(error::of)).collect(),
                Err(error) => error::repeat(error, count).into_iter().map(Err).collect(),
            }
        })
    }

    async fn find(&self, at: &[(ConversationId, Seq)]) -> Result<Vec<Message>, RepositoryError> {
        let at = at.to_vec();
        self.0
            .readers
            .read(move |connection| {
                at.into_iter()
                    .filter_map(|(id, seq)| row::one(connection, row::BY_SEQ, params![id, seq]).transpose())
                    .collect()
            })
            .await
    }

    async fn find_by_id(
        &self,
        conversation_id: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, RepositoryError> {
        self.0
            .readers
            .read(move |connection| row::by_id(connection, conversation_id, id))
            .await
    }

    async fn history(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        range: Range,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        let windows = windows.to_vec();
        self.0
            .readers
            .read(move |connection| history(connection, conversation_id, &windows, range, limit))
            .await
    }

    async fn changes(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        after: Rev,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        let windows = windows.to_vec();
        self.0
            .readers
            .read(move |connection| changes::after(connection, conversation_id, &windows, after, limit))
            .await
    }

    async fn announcements(
        &self,
        conversation_id: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        self.0
            .readers
            .read(move |connection| {
                let mut messages = Vec::new();
                let of = params![conversation_id, after, integer(limit as u64)];
                row::all(connection, ANNOUNCEMENTS, of, limit, &mut messages, |_| true)?;
                Ok(messages)
            })
            .await
    }

    async fn search(&self, search: Search) -> Result<Found, RepositoryError> {
        // Begins now, so that a search that waited for its thread until its time was up costs nothing more.
        let deadline = Deadline::after(search.budget);
        self.0
            .searchers
            .read(move |connection| search::search(connection, &search, deadline))
            .await
    }

    async fn count_unread(&self, spans: &[Span]) -> Result<Vec<u64>, RepositoryError> {
        let spans = spans.to_vec();
        self.0
            .readers
            .read(move |connection| spans.iter().map(|span| count_unread(connection, span)).collect())
            .await
    }

    async fn last_sent(
        &self,
        of: &[(ConversationId, UserId)],
    ) -> Result<Vec<((ConversationId, UserId), Seq)>, RepositoryError> {
        let mut known = self.0.last_sent.of(of);
        if known.missing.is_empty() {
            return Ok(known.newest);
        }
        let missing = known.missing.clone();
        let read = move |connection: &Connection| senders::last_sent(connection, &missing);
        let read = self.0.readers.read(read).await?;
        self.0.last_sent.learn(&known, &read);
        known.newest.extend(read);
        Ok(known.newest)
    }

    async fn senders(&self, asked: &[SenderQuery]) -> Result<Vec<Vec<UserId>>, RepositoryError> {
        let asked = asked.to_vec();
        self.0
            .readers
            .read(move |connection| senders::senders(connection, &asked))
            .await
    }
}

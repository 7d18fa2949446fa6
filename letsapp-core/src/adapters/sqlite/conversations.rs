//! Conversations and their members in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::database::Database;
use super::transaction::Transaction;
use super::values::{array, integer};
use super::{heads, members, purge, standings};
use crate::domain::conversation::{Conversation, Head, Pair, Roster};
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Rev, UserId};
use crate::domain::mark::Since;
use crate::domain::member::{Member, PreferencesPatch};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Advance, Advanced, ConversationRepository, Creation, RepositoryError, Standings};

pub(super) struct SqliteConversations(pub(super) Arc<Database>);

const FIND: &str = "
    SELECT id, kind, title, about, avatar_media_id, created_by, created_at, pair_low, pair_high, fingerprint, deleted_at
    FROM conversations WHERE id IN rarray(?1)";
const INSERT: &str = "
    INSERT INTO conversations (
        id, kind, title, about, avatar_media_id, created_by, created_at, pair_low, pair_high, fingerprint, deleted_at,
        remains
    ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11 IS NOT NULL)
    ON CONFLICT (id) DO NOTHING";
const UPDATE: &str = "
    UPDATE conversations SET kind = ?2, title = ?3, about = ?4, avatar_media_id = ?5, created_by = ?6, created_at = ?7,
        pair_low = ?8, pair_high = ?9, fingerprint = ?10, deleted_at = ?11, remains = ?11 IS NOT NULL
    WHERE id = ?1";
// `remains` is set with `deleted_at` and cleared by the last purge, so that a purged conversation is not found again.
const DELETED: &str = "SELECT id FROM conversations WHERE remains AND deleted_at < ?1 ORDER BY deleted_at, id LIMIT ?2";

const CLAIM: &str = "INSERT INTO pairs (low, high, conversation_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const OF_PAIR: &str = "SELECT conversation_id FROM pairs WHERE low = ?1 AND high = ?2";

const ACTIVITY: &str = "
    SELECT ids.value, (
        SELECT sent_at FROM messages WHERE conversation_id = ids.value ORDER BY seq DESC LIMIT 1
    ) FROM rarray(?1) AS ids";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[FIND, ACTIVITY, DELETED, OF_PAIR];

/// Statements with a LIMIT, which must get their order from an index.
#[cfg(test)]
pub(super) const PAGES: &[&str] = &[ACTIVITY, DELETED];

fn conversation(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    let pair: (Option<UserId>, Option<UserId>) = (row.get(7)?, row.get(8)?);
    Ok(Conversation {
        id: row.get(0)?,
        kind: row.get(1)?,
        title: row.get(2)?,
        about: row.get(3)?,
        avatar_media_id: row.get(4)?,
        created_by: row.get(5)?,
        created_at: row.get(6)?,
        pair: pair.0.zip(pair.1),
        fingerprint: row.get(9)?,
        deleted_at: row.get(10)?,
    })
}

/// Returns the conversations that exist, in any order.
fn find(connection: &Connection, ids: &[ConversationId]) -> rusqlite::Result<Vec<Conversation>> {
    let ids = array(ids.iter().map(|id| *id.as_bytes()));
    connection
        .prepare_cached(FIND)?
        .query_map([ids], conversation)?
        .collect()
}

/// Returns a conversation that is known to exist; its absence is an error.
pub(super) fn existing(connection: &Connection, id: ConversationId) -> rusqlite::Result<Conversation> {
    let found = find(connection, &[id])?.pop();
    found.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// Inserts a conversation. Returns false, and changes nothing, if its id is taken.
pub(super) fn insert(transaction: &Transaction<'_>, conversation: &Conversation) -> rusqlite::Result<bool> {
    Ok(write(transaction, INSERT, conversation)? == 1)
}

/// Updates all columns of a conversation.
pub(super) fn update(transaction: &Transaction<'_>, conversation: &Conversation) -> rusqlite::Result<()> {
    write(transaction, UPDATE, conversation).map(|_| ())
}

/// Executes [`INSERT`] or [`UPDATE`], and returns the number of rows changed.
fn write(transaction: &Transaction<'_>, sql: &str, conversation: &Conversation) -> rusqlite::Result<usize> {
    transaction.prepare(sql)?.execute(params![
        conversation.id,
        conversation.kind,
        conversation.title,
        conversation.about,
        conversation.avatar_media_id,
        conversation.created_by,
        conversation.created_at,
        conversation.pair.map(|(low, _)| low),
        conversation.pair.map(|(_, high)| high),
        conversation.fingerprint,
        conversation.deleted_at,
    ])
}

/// Creates a direct conversation with its two members, or returns the one that the pair has.
fn create_direct(
    transaction: &Transaction<'_>,
    conversation: &Conversation,
    at: Timestamp,
) -> rusqlite::Result<Creation> {
    if let Some((low, high)) = conversation.pair {
        let claimed = transaction
            .prepare(CLAIM)?
            .execute(params![low, high, conversation.id])?;
        if claimed == 0 {
            let id = direct(transaction.connection(), (low, high))?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            return existing(transaction.connection(), id).map(Creation::Existing);
        }
    }
    if !insert(transaction, conversation)? {
        // The promise is that no conversation has the id. The error takes back the claim.
        return Err(rusqlite::Error::StatementChangedRows(0));
    }
    for user_id in conversation.pair.into_iter().flat_map(|(low, high)| [low, high]) {
        members::put(transaction, &Member::of_pair(conversation.id, user_id, at))?;
    }
    Ok(Creation::Created(conversation.clone()))
}

/// Returns the direct conversation of a pair.
fn direct(connection: &Connection, (low, high): (UserId, UserId)) -> rusqlite::Result<Option<ConversationId>> {
    connection
        .prepare_cached(OF_PAIR)?
        .query_row(params![low, high], |row| row.get(0))
        .optional()
}

fn heads(connection: &Connection, ids: &[ConversationId]) -> rusqlite::Result<Vec<(ConversationId, Head)>> {
    let ids = array(ids.iter().map(|id| *id.as_bytes()));
    connection
        .prepare_cached(heads::MANY)?
        .query_map([ids], heads::head)?
        .collect()
}

/// Returns the time of the newest message of each conversation that has any.
fn activity(connection: &Connection, ids: &[ConversationId]) -> rusqlite::Result<Vec<(ConversationId, Timestamp)>> {
    let ids = array(ids.iter().map(|id| *id.as_bytes()));
    let mut statement = connection.prepare_cached(ACTIVITY)?;
    let rows = statement.query_map([ids], |row| Ok((row.get(0)?, row.get::<_, Option<_>>(1)?)))?;
    rows.filter_map(|row| row.map(|(id, at)| Some((id, at?))).transpose())
        .collect()
}

/// Returns conversations with their current members and the fence, all from the same snapshot.
fn rosters(connection: &Connection, ids: &[ConversationId]) -> rusqlite::Result<Vec<Roster>> {
    let fences: std::collections::HashMap<_, _> = heads(connection, ids)?.into_iter().collect();
    let roster = |conversation: Conversation| {
        Ok(Roster {
            members: members::of_now(connection, conversation.id)?,
            fence: fences.get(&conversation.id).copied().unwrap_or_default().fence,
            conversation,
        })
    };
    find(connection, ids)?.into_iter().map(roster).collect()
}

#[async_trait]
impl ConversationRepository for SqliteConversations {
    async fn create_direct(&self, conversation: Conversation, at: Timestamp) -> Result<Creation, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| create_direct(transaction, &conversation, at))
            .await
    }

    async fn direct(&self, pairs: &[Pair]) -> Result<Vec<(Pair, ConversationId)>, RepositoryError> {
        let pairs = pairs.to_vec();
        self.0
            .readers
            .read(move |connection| {
                let found = |pair| Ok(direct(connection, pair)?.map(|id| (pair, id)));
                pairs.into_iter().filter_map(|pair| found(pair).transpose()).collect()
            })
            .await
    }

    async fn find(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError> {
        let ids = ids.to_vec();
        self.0.readers.read(move |connection| find(connection, &ids)).await
    }

    async fn rosters(&self, ids: &[ConversationId]) -> Result<Vec<Roster>, RepositoryError> {
        let ids = ids.to_vec();
        self.0.readers.read(move |connection| rosters(connection, &ids)).await
    }

    async fn heads(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Head)>, RepositoryError> {
        let ids = ids.to_vec();
        self.0.readers.read(move |connection| heads(connection, &ids)).await
    }

    async fn activity(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Timestamp)>, RepositoryError> {
        let ids = ids.to_vec();
        self.0.readers.read(move |connection| activity(connection, &ids)).await
    }

    async fn member_counts(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, usize)>, RepositoryError> {
        let ids = ids.to_vec();
        self.0
            .readers
            .read(move |connection| members::counts(connection, &ids))
            .await
    }

    async fn members(&self, of: &[(ConversationId, UserId)]) -> Result<Vec<Member>, RepositoryError> {
        let of = of.to_vec();
        self.0
            .readers
            .read(move |connection| {
                of.into_iter()
                    .filter_map(|(id, user_id)| members::one(connection, id, user_id).transpose())
                    .collect()
            })
            .await
    }

    async fn memberships(&self, user_id: UserId) -> Result<Vec<Member>, RepositoryError> {
        self.0
            .readers
            .read(move |connection| members::of_user(connection, user_id))
            .await
    }

    async fn acquainted(&self, user_id: UserId, with: &[UserId]) -> Result<Vec<UserId>, RepositoryError> {
        let with = with.to_vec();
        self.0
            .readers
            .read(move |connection| members::acquainted(connection, user_id, &with))
            .await
    }

    async fn standings(&self, user_id: UserId, since: Since) -> Result<Standings, RepositoryError> {
        self.0
            .readers
            .read(move |connection| standings::of(connection, user_id, since))
            .await
    }

    async fn revs(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Rev)>, RepositoryError> {
        let ids = ids.to_vec();
        self.0
            .readers
            .read(move |connection| standings::revs(connection, &ids))
            .await
    }

    async fn advance(&self, advances: Vec<Advance>) -> Result<Vec<Option<Advanced>>, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| {
                advances
                    .iter()
                    .map(|advance| members::advance(transaction, advance))
                    .collect()
            })
            .await
    }

    async fn update_preferences(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        patch: PreferencesPatch,
        at: Timestamp,
    ) -> Result<Option<Member>, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| members::update_preferences(transaction, conversation_id, user_id, patch, at))
            .await
    }

    async fn put_departure(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        departure: Departure,
    ) -> Result<(), RepositoryError> {
        self.0
            .writer
            .write(move |transaction| members::put_departure(transaction, conversation_id, user_id, &departure))
            .await
    }

    async fn deleted(&self, before: Timestamp, limit: usize) -> Result<Vec<ConversationId>, RepositoryError> {
        let limit = integer(limit as u64);
        self.0
            .readers
            .read(move |connection| {
                connection
                    .prepare_cached(DELETED)?
                    .query_map(params![before, limit], |row| row.get(0))?
                    .collect()
            })
            .await
    }

    async fn purge(&self, id: ConversationId, limit: usize) -> Result<bool, RepositoryError> {
        let purged = self
            .0
            .writer
            .write(move |transaction| purge::step(transaction, id, limit));
        let purged = purged.await;
        self.0.last_sent.forget();
        purged
    }
}

//! Sessions in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::database::Database;
use super::transaction::Transaction;
use super::values::{array, integer};
use crate::domain::id::{SessionId, UserId};
use crate::domain::session::{Generation, Session, TokenHash};
use crate::domain::timestamp::Timestamp;
use crate::ports::{RepositoryError, Revoke, SessionRepository};

pub(super) struct SqliteSessions(pub(super) Arc<Database>);

/// Makes a SELECT of all columns that [`session`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, device_name, created_at, last_used_at, expires_at, refresh_number, refresh_hash, ",
            "refresh_kid, refresh_issued_at, refresh_used_at, previous_hash FROM sessions WHERE ",
            $rest
        )
    };
}

const FIND: &str = select!("id IN rarray(?1)");
const OF_USER: &str = select!("user_id = ?1 ORDER BY created_at DESC, id DESC");
const INSERT: &str = "
    INSERT INTO sessions (
        id, user_id, device_name, created_at, last_used_at, expires_at, refresh_number, refresh_hash, refresh_kid,
        refresh_issued_at, refresh_used_at, previous_hash
    ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
// Two requests with the same refresh token: the condition on its hash lets one of them rotate.
const ROTATE: &str = "
    UPDATE sessions SET refresh_number = ?3, refresh_hash = ?4, refresh_kid = ?5, refresh_issued_at = ?6,
        refresh_used_at = ?7, previous_hash = ?2, last_used_at = ?6, expires_at = ?8
    WHERE id = ?1 AND refresh_hash = ?2";
// `used_at` belongs to the generation that was used, so it is set only while that one is the current one, and once.
const USED: &str = "
    UPDATE sessions SET last_used_at = max(last_used_at, ?3),
        refresh_used_at = iif(refresh_number = ?2, coalesce(refresh_used_at, ?3), refresh_used_at)
    WHERE id = ?1";
const EXPIRED: &str = "SELECT id FROM sessions WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2";
const REMOVE: &str = "DELETE FROM sessions WHERE id IN rarray(?1)";
const REVOKE_ONE: &str = "DELETE FROM sessions WHERE user_id = ?1 AND id = ?2 RETURNING id";
const REVOKE_ALL_BUT: &str = "DELETE FROM sessions WHERE user_id = ?1 AND id <> ?2 RETURNING id";
const REVOKE_ALL: &str = "DELETE FROM sessions WHERE user_id = ?1 RETURNING id";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[FIND, OF_USER, EXPIRED];

/// Statements that must get their order from an index, since there may be any number of expired sessions.
#[cfg(test)]
pub(super) const PAGES: &[&str] = &[EXPIRED];

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        user_id: row.get(1)?,
        device_name: row.get(2)?,
        created_at: row.get(3)?,
        last_used_at: row.get(4)?,
        expires_at: row.get(5)?,
        refresh: Generation {
            number: row.get(6)?,
            hash: row.get(7)?,
            kid: row.get(8)?,
            issued_at: row.get(9)?,
            used_at: row.get(10)?,
        },
        previous: row.get(11)?,
    })
}

#[async_trait]
impl SessionRepository for SqliteSessions {
    async fn create(&self, session: Session) -> Result<(), RepositoryError> {
        let step = move |transaction: &mut Transaction<'_>| {
            transaction.prepare(INSERT)?.execute(params![
                session.id,
                session.user_id,
                session.device_name,
                session.created_at,
                session.last_used_at,
                session.expires_at,
                session.refresh.number,
                session.refresh.hash,
                session.refresh.kid,
                session.refresh.issued_at,
                session.refresh.used_at,
                session.previous,
            ])?;
            Ok(())
        };
        self.0.writer.write(step).await
    }

    async fn find(&self, ids: &[SessionId]) -> Result<Vec<Session>, RepositoryError> {
        let ids = ids.to_vec();
        self.0
            .readers
            .read(move |connection| {
                connection
                    .prepare_cached(FIND)?
                    .query_map([array(ids.iter().map(|id| *id.as_bytes()))], session)?
                    .collect()
            })
            .await
    }

    async fn of_user(&self, user_id: UserId) -> Result<Vec<Session>, RepositoryError> {
        self.0
            .readers
            .read(move |connection| {
                connection
                    .prepare_cached(OF_USER)?
                    .query_map([user_id], session)?
                    .collect()
            })
            .await
    }

    async fn rotate(
        &self,
        id: SessionId,
        from: TokenHash,
        to: Generation,
        expires_at: Timestamp,
    ) -> Result<bool, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| {
                let rotated = transaction.prepare(ROTATE)?.execute(params![
                    id,
                    from,
                    to.number,
                    to.hash,
                    to.kid,
                    to.issued_at,
                    to.used_at,
                    expires_at,
                ])?;
                Ok(rotated == 1)
            })
            .await
    }

    async fn used(&self, id: SessionId, number: u32, at: Timestamp) -> Result<(), RepositoryError> {
        self.0
            .writer
            .write(move |transaction| {
                transaction.prepare(USED)?.execute(params![id, number, at])?;
                Ok(())
            })
            .await
    }

    async fn revoke(&self, user_id: UserId, which: Revoke) -> Result<Vec<SessionId>, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| {
                let (sql, other) = match which {
                    Revoke::One(id) => (REVOKE_ONE, Some(id)),
                    Revoke::AllBut(id) => (REVOKE_ALL_BUT, Some(id)),
                    Revoke::All => (REVOKE_ALL, None),
                };
                let mut statement = transaction.prepare(sql)?;
                match other {
                    Some(id) => statement.query_map(params![user_id, id], |row| row.get(0))?.collect(),
                    None => statement.query_map([user_id], |row| row.get(0))?.collect(),
                }
            })
            .await
    }

    async fn remove_expired(&self, before: Timestamp, limit: usize) -> Result<bool, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| {
                let expired: Vec<SessionId> = transaction
                    .prepare(EXPIRED)?
                    .query_map(params![before, integer(limit as u64)], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let ids = array(expired.iter().map(|id| *id.as_bytes()));
                transaction.prepare(REMOVE)?.execute([ids])?;
                Ok(expired.len() < limit)
            })
            .await
    }
}

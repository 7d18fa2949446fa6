//! The server's own keys in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::database::Database;
use super::transaction::Transaction;
use crate::domain::key::{Key, KeyPurpose};
use crate::ports::{KeyRepository, RepositoryError};

pub(super) struct SqliteKeys(pub(super) Arc<Database>);

const SELECT: &str =
    "SELECT kid, purpose, secret, created_at FROM keys WHERE purpose = ?1 ORDER BY created_at DESC, kid DESC";
const INSERT: &str = "INSERT INTO keys (kid, purpose, secret, created_at) VALUES (?1, ?2, ?3, ?4)";

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key {
        kid: row.get(0)?,
        purpose: row.get(1)?,
        secret: row.get(2)?,
        created_at: row.get(3)?,
    })
}

/// Returns the keys of a purpose, newest first.
fn all(connection: &Connection, purpose: KeyPurpose) -> rusqlite::Result<Vec<Key>> {
    connection.prepare_cached(SELECT)?.query_map([purpose], key)?.collect()
}

#[async_trait]
impl KeyRepository for SqliteKeys {
    async fn keys(&self, purpose: KeyPurpose, candidate: Key) -> Result<Vec<Key>, RepositoryError> {
        // Reading and inserting in one write transaction makes the first key unique, however many callers come at once.
        let step = move |transaction: &mut Transaction<'_>| {
            let keys = all(transaction.connection(), purpose)?;
            if !keys.is_empty() {
                return Ok(keys);
            }
            let Key {
                kid,
                secret,
                created_at,
                ..
            } = &candidate;
            transaction
                .prepare(INSERT)?
                .execute(params![kid, purpose, secret, created_at])?;
            all(transaction.connection(), purpose)
        };
        self.0.writer.write(step).await
    }
}

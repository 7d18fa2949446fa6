//! Contacts and blocks in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::database::Database;
use super::values::integer;
use crate::domain::contact::{Block, Contact, ContactEdge};
use crate::domain::id::UserId;
use crate::ports::{ContactRepository, RepositoryError};

pub(super) struct SqliteContacts(pub(super) Arc<Database>);

const PUT: &str = "
    INSERT INTO contacts (owner_id, user_id, alias, added_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (owner_id, user_id) DO UPDATE SET alias = ?3
    RETURNING owner_id, user_id, alias, added_at";
const REMOVE: &str = "DELETE FROM contacts WHERE owner_id = ?1 AND user_id = ?2";
// The empty blob sorts before every id, so without `after` the page starts at the first row.
const CONTACTS: &str = "
    SELECT owner_id, user_id, alias, added_at FROM contacts WHERE owner_id = ?1 AND user_id > coalesce(?2, x'')
    ORDER BY user_id LIMIT ?3";
const IS_LISTED: &str = "SELECT 1 FROM contacts WHERE owner_id = ?1 AND user_id = ?2";
const FORGET_CONTACTS: &str = "DELETE FROM contacts WHERE owner_id = ?1";

// An existing block is written again unchanged: with DO NOTHING, RETURNING would return no row.
const BLOCK: &str = "
    INSERT INTO blocks (owner_id, user_id, blocked_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (owner_id, user_id) DO UPDATE SET blocked_at = blocked_at
    RETURNING owner_id, user_id, blocked_at";
const UNBLOCK: &str = "DELETE FROM blocks WHERE owner_id = ?1 AND user_id = ?2";
const BLOCKS: &str = "
    SELECT owner_id, user_id, blocked_at FROM blocks WHERE owner_id = ?1 AND user_id > coalesce(?2, x'')
    ORDER BY user_id LIMIT ?3";
const IS_BLOCKED: &str = "SELECT 1 FROM blocks WHERE owner_id = ?1 AND user_id = ?2";
const FORGET_BLOCKS: &str = "DELETE FROM blocks WHERE owner_id = ?1";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[CONTACTS, IS_LISTED, BLOCKS, IS_BLOCKED];
/// Statements with a LIMIT, which must get their order from an index.
#[cfg(test)]
pub(super) const PAGES: &[&str] = &[CONTACTS, BLOCKS];

fn contact(row: &Row<'_>) -> rusqlite::Result<Contact> {
    Ok(Contact {
        owner_id: row.get(0)?,
        user_id: row.get(1)?,
        alias: row.get(2)?,
        added_at: row.get(3)?,
    })
}

fn block(row: &Row<'_>) -> rusqlite::Result<Block> {
    Ok(Block {
        owner_id: row.get(0)?,
        user_id: row.get(1)?,
        blocked_at: row.get(2)?,
    })
}

/// Returns the edges for which `sql` finds a row, sorted and without duplicates.
fn among(connection: &Connection, sql: &str, mut edges: Vec<ContactEdge>) -> rusqlite::Result<Vec<ContactEdge>> {
    edges.sort_unstable();
    edges.dedup();
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = Vec::new();
    for edge in edges {
        if statement.exists(params![edge.owner_id, edge.user_id])? {
            found.push(edge);
        }
    }
    Ok(found)
}

#[async_trait]
impl ContactRepository for SqliteContacts {
    async fn put(&self, new: Contact) -> Result<Contact, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| {
                transaction
                    .prepare(PUT)?
                    .query_row(params![new.owner_id, new.user_id, new.alias, new.added_at], contact)
            })
            .await
    }

    async fn remove(&self, edge: ContactEdge) -> Result<bool, RepositoryError> {
        self.delete(REMOVE, edge).await
    }

    async fn contacts(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Contact>, RepositoryError> {
        self.page(CONTACTS, owner_id, after, limit, contact).await
    }

    async fn listed(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        let edges = edges.to_vec();
        self.0
            .readers
            .read(move |connection| among(connection, IS_LISTED, edges))
            .await
    }

    async fn block(&self, new: Block) -> Result<Block, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| {
                transaction
                    .prepare(BLOCK)?
                    .query_row(params![new.owner_id, new.user_id, new.blocked_at], block)
            })
            .await
    }

    async fn unblock(&self, edge: ContactEdge) -> Result<bool, RepositoryError> {
        self.delete(UNBLOCK, edge).await
    }

    async fn blocks(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Block>, RepositoryError> {
        self.page(BLOCKS, owner_id, after, limit, block).await
    }

    async fn blocked(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        let edges = edges.to_vec();
        self.0
            .readers
            .read(move |connection| among(connection, IS_BLOCKED, edges))
            .await
    }

    async fn forget(&self, owner_id: UserId) -> Result<(), RepositoryError> {
        self.0
            .writer
            .write(move |transaction| {
                transaction.prepare(FORGET_CONTACTS)?.execute([owner_id])?;
                transaction.prepare(FORGET_BLOCKS)?.execute([owner_id])?;
                Ok(())
            })
            .await
    }
}

impl SqliteContacts {
    /// Deletes the row of an edge. Returns true if there was one.
    async fn delete(&self, sql: &'static str, edge: ContactEdge) -> Result<bool, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| {
                let deleted = transaction
                    .prepare(sql)?
                    .execute(params![edge.owner_id, edge.user_id])?;
                Ok(deleted == 1)
            })
            .await
    }

    /// Returns a page of one owner's rows.
    async fn page<T: Send + 'static>(
        &self,
        sql: &'static str,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, RepositoryError> {
        let limit = integer(limit as u64);
        self.0
            .readers
            .read(move |connection| {
                connection
                    .prepare_cached(sql)?
                    .query_map(params![owner_id, after, limit], read)?
                    .collect()
            })
            .await
    }
}

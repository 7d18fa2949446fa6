//! The description of the store in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::database::Database;
use super::schema::VERSION;
use super::transaction::Transaction;
use crate::domain::id::Epoch;
use crate::domain::meta::Meta;
use crate::ports::{MetaRepository, RepositoryError};

pub(super) struct SqliteMeta(pub(super) Arc<Database>);

const SELECT: &str = "SELECT epoch, analysis FROM meta";
const OFFER: &str = "UPDATE meta SET epoch = ?1 WHERE epoch IS NULL";
const REPLACE: &str = "UPDATE meta SET epoch = ?1";

fn meta(connection: &Connection) -> rusqlite::Result<Meta> {
    connection.prepare_cached(SELECT)?.query_row([], |row| {
        Ok(Meta {
            epoch: row.get(0)?,
            // An open file has the newest schema, since opening migrates it.
            schema: u32::try_from(VERSION).unwrap_or(u32::MAX),
            analysis: row.get(1)?,
        })
    })
}

impl SqliteMeta {
    /// Executes a statement with an epoch, and returns the record after it.
    async fn write(&self, statement: &'static str, epoch: Epoch) -> Result<Meta, RepositoryError> {
        let step = move |transaction: &mut Transaction<'_>| {
            transaction.prepare(statement)?.execute(params![epoch])?;
            meta(transaction.connection())
        };
        self.0.writer.write(step).await
    }
}

#[async_trait]
impl MetaRepository for SqliteMeta {
    async fn meta(&self, candidate: Epoch) -> Result<Meta, RepositoryError> {
        self.write(OFFER, candidate).await
    }

    async fn renew_epoch(&self, to: Epoch) -> Result<Meta, RepositoryError> {
        self.write(REPLACE, to).await
    }
}

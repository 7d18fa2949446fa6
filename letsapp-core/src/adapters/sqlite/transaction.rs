//! The writer's transaction: how the steps in it are kept from taking each other along when one fails.

use rusqlite::{CachedStatement, Connection};

use super::heads::Heads;
use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;

/// A transaction of the writer, in which the steps of many callers are carried out.
pub(super) struct Transaction<'a> {
    connection: &'a Connection,
    heads: &'a mut Heads,
    isolation: Isolation,
}

/// How steps stand to each other when one of them fails.
///
/// Savepoints are not free: each makes SQLite copy every page that is touched after it, and FTS5 write its terms out.
/// So a transaction is tried without any first. A step hardly ever fails (what is expected to go wrong, such as a
/// duplicate, is no failure), and when one does, all are carried out again, each under a savepoint of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// One that fails fails the transaction.
    Together,
    /// One that fails leaves the others alone.
    Apart,
}

impl<'a> Transaction<'a> {
    /// Carries out `work` in one transaction and commits it.
    pub(super) fn run(
        connection: &'a Connection,
        heads: &'a mut Heads,
        isolation: Isolation,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut transaction = Self {
            connection,
            heads,
            isolation,
        };
        let result = transaction
            .execute("BEGIN IMMEDIATE")
            .and_then(|()| work(&mut transaction))
            .and_then(|()| transaction.execute("COMMIT"));
        match result {
            Ok(()) => transaction.heads.settle(),
            Err(_) => transaction.roll_back(),
        }
        result
    }

    /// Prepares a statement, or takes it from the cache.
    pub(super) fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'a>> {
        self.connection.prepare_cached(sql)
    }

    /// Returns the connection, to read what the transaction sees.
    pub(super) fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// Returns where a conversation stands; `None` if there is none of this id.
    pub(super) fn head(&mut self, id: ConversationId) -> rusqlite::Result<Option<Head>> {
        self.heads.of(id, self.connection)
    }

    /// Notes where a change has put a conversation.
    pub(super) fn moved(&mut self, id: ConversationId, head: Head) {
        self.heads.set(id, head);
    }

    /// Carries out a step that fails alone, as far as the isolation goes: the outer error fails the transaction, the
    /// inner one only the step, of which nothing remains.
    pub(super) fn step<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<rusqlite::Result<T>> {
        if self.isolation == Isolation::Together {
            return step(self).map(Ok);
        }
        let mark = self.heads.mark();
        self.execute("SAVEPOINT step")?;
        let result = step(self);
        if result.is_err() {
            if self.connection.is_autocommit() {
                // SQLite has rolled everything back by itself, as it does when the disk is full.
                return result.map(Ok);
            }
            self.execute("ROLLBACK TO step")?;
            self.heads.rewind(mark);
        }
        self.execute("RELEASE step")?;
        Ok(result)
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.prepare(sql)?.execute([]).map(|_| ())
    }

    fn roll_back(&mut self) {
        self.heads.forget();
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }
}

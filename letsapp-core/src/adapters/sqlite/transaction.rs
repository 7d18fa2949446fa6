//! Transaction of the writer, which contains steps of several callers and isolates them from each other's failures.

use std::cell::Cell;

use rusqlite::{CachedStatement, Connection};

use super::heads::Heads;
use super::messages::last_sent::LastSent;
use super::messages::sent;
use super::messages::sent::Sent;
use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;
use crate::domain::mark::Mark;

/// A transaction of the writer, in which steps of several callers run.
pub(super) struct Transaction<'a> {
    connection: &'a Connection,
    heads: &'a mut Heads,
    isolation: Isolation,
    /// Mark of the changes of members in this transaction, once there is one.
    mark: Cell<Option<Mark>>,
    /// Messages that users have sent in this transaction.
    sent: Vec<Sent>,
}

/// Takes the next commit number. Read by others with everything that the transaction changes.
const NEXT_MARK: &str = "UPDATE meta SET commits = commits + 1 RETURNING commits";

/// Effect of a step's failure on the other steps in its transaction.
///
/// Savepoints isolate steps, but they are not free: each makes SQLite copy every page that is written after it, and
/// makes FTS5 flush its terms. So a transaction is tried without savepoints first. Steps rarely fail (an expected
/// outcome, such as a duplicate, is not a failure). If one does, all steps run again, each in a savepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// A failed step fails the whole transaction.
    Together,
    /// A failed step is rolled back alone.
    Apart,
}

impl<'a> Transaction<'a> {
    /// Runs `work` in a transaction and commits it; rolls back if anything fails.
    pub(super) fn run(
        connection: &'a Connection,
        heads: &'a mut Heads,
        last_sent: &LastSent,
        isolation: Isolation,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut transaction = Self {
            connection,
            heads,
            isolation,
            mark: Cell::new(None),
            sent: Vec::new(),
        };
        let result = transaction
            .execute("BEGIN IMMEDIATE")
            .and_then(|()| work(&mut transaction))
            .and_then(|()| sent::store(connection, &mut transaction.sent))
            .and_then(|()| transaction.execute("COMMIT"));
        match result {
            Ok(()) => {
                transaction.heads.settle();
                last_sent.committed(&transaction.sent);
            }
            Err(_) => {
                transaction.roll_back();
                last_sent.forget();
            }
        }
        result
    }

    /// Returns a prepared statement, from the connection's cache if it is there.
    pub(super) fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'a>> {
        self.connection.prepare_cached(sql)
    }

    /// Returns the connection, for reads that include the transaction's own changes.
    pub(super) fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// Returns the mark for changes of members. Transactions follow each other, so that theirs is greater than every
    /// mark that a reader has seen.
    pub(super) fn mark(&self) -> rusqlite::Result<Mark> {
        if let Some(mark) = self.mark.get() {
            return Ok(mark);
        }
        let mark = self.prepare(NEXT_MARK)?.query_row([], |row| row.get(0))?;
        self.mark.set(Some(mark));
        Ok(mark)
    }

    /// Returns the head of a conversation; `None` if there is no such conversation.
    pub(super) fn head(&mut self, id: ConversationId) -> rusqlite::Result<Option<Head>> {
        self.heads.of(id, self.connection)
    }

    /// Records the new head of a conversation after a change.
    pub(super) fn moved(&mut self, id: ConversationId, head: Head) {
        self.heads.set(id, head);
    }

    /// Notes that a user has sent a message. Stored with the commit, since a user's messages in one transaction make one
    /// row.
    pub(super) fn sent(&mut self, sent: Sent) {
        self.sent.push(sent);
    }

    /// Runs a step. The outer error fails the whole transaction; an inner one only this step, which is then rolled
    /// back.
    ///
    /// With [`Isolation::Together`] every error is an outer one.
    pub(super) fn step<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<rusqlite::Result<T>> {
        if self.isolation == Isolation::Together {
            return step(self).map(Ok);
        }
        let (mark, sent) = (self.heads.mark(), self.sent.len());
        self.execute("SAVEPOINT step")?;
        let result = step(self);
        if result.is_err() {
            if self.connection.is_autocommit() {
                // SQLite has rolled back the whole transaction already, as it does when the disk is full. There is no
                // savepoint to go back to, and the COMMIT will fail.
                return result.map(Ok);
            }
            self.execute("ROLLBACK TO step")?;
            // It may have been taken in the step, and so given back.
            self.mark.set(None);
            self.heads.rewind(mark);
            self.sent.truncate(sent);
        }
        self.execute("RELEASE step")?;
        Ok(result)
    }

    /// Executes a statement without parameters.
    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.prepare(sql)?.execute([]).map(|_| ())
    }

    /// Rolls back, and forgets the cached heads, which may include changes of this transaction.
    fn roll_back(&mut self) {
        self.heads.forget();
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "could not roll back a transaction; the next one tries it again");
        }
    }
}

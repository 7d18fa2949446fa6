//! Raw rusqlite: inserts the rows that the SQLite store would insert, with the same durability and indexes.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Result, params};

use crate::{compare::Throughput, sample::MessageRow};

/// A database with one open connection.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
}

impl Database {
    /// Creates the database, in WAL mode, with a sync of the log at every commit.
    ///
    /// # Errors
    /// Fails if the file can't be written.
    pub fn create(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        // As the store does: overwriting freed pages costs inserts something too, because merges of terms free pages.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection })
    }

    /// Inserts rows in one transaction.
    ///
    /// # Errors
    /// Fails if a row breaks a constraint, or the disk is full.
    pub fn insert<'a>(&mut self, rows: impl IntoIterator<Item = MessageRow<'a>>) -> Result<u64> {
        let transaction = self.connection.transaction()?;
        let mut count = 0;
        {
            let mut message = transaction.prepare_cached(INSERT_MESSAGE)?;
            let mut terms = transaction.prepare_cached(INSERT_TERMS)?;
            for row in rows {
                let rowid = message.insert(params![
                    row.conversation.as_bytes(),
                    row.id.as_bytes(),
                    row.seq,
                    row.seq,
                    row.seq,
                    row.sender.as_bytes(),
                    row.text.body,
                    row.sent_at,
                    row.fingerprint,
                ])?;
                terms.execute(params![rowid, row.text.terms, ""])?;
                count += 1;
            }
        }
        transaction.commit()?;
        Ok(count)
    }

    /// Inserts `batch` rows per transaction, one transaction after the other, for about `duration`.
    ///
    /// # Errors
    /// Fails as [`Database::insert`] does.
    pub fn insert_for<'a>(
        &mut self,
        duration: Duration,
        batch: usize,
        rows: &mut impl Iterator<Item = MessageRow<'a>>,
    ) -> Result<Throughput> {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < duration {
            count += self.insert(rows.by_ref().take(batch))?;
        }
        Ok(Throughput {
            count,
            elapsed: start.elapsed(),
        })
    }
}

/// Columns and indexes of the SQLite store, with its table of search terms.
///
/// All indexes and options of the real tables, since each of them is work for every insert. The table of what users
/// sent is not here: a plain archive has none.
const SCHEMA: &str = "
    CREATE TABLE messages (
        docid               INTEGER PRIMARY KEY,
        conversation_id     BLOB NOT NULL,
        id                  BLOB NOT NULL,
        seq                 INTEGER NOT NULL,
        rev                 INTEGER NOT NULL,
        ordinal             INTEGER NOT NULL,
        sender_id           BLOB NOT NULL,
        body                TEXT,
        system              TEXT,
        reply_to            INTEGER,
        forwarded           INTEGER NOT NULL,
        mentions            TEXT,
        attachments         TEXT,
        sent_at             INTEGER NOT NULL,
        edited_at           INTEGER,
        deleted_at          INTEGER,
        fingerprint_version INTEGER NOT NULL,
        fingerprint         BLOB NOT NULL,
        UNIQUE (conversation_id, id),
        UNIQUE (conversation_id, seq),
        UNIQUE (conversation_id, rev)
    ) STRICT;
    CREATE INDEX messages_deleted ON messages (conversation_id, seq) WHERE deleted_at IS NOT NULL AND system IS NULL;
    CREATE INDEX messages_fence ON messages (conversation_id, seq)
        WHERE system IS NOT NULL AND system ->> 'type' <> 'call';
    CREATE VIRTUAL TABLE message_terms USING fts5 (
        body, attachments, content = '', columnsize = 0, tokenize = 'ascii'
    );
    INSERT INTO message_terms (message_terms, rank) VALUES ('secure-delete', 1);
";

const INSERT_MESSAGE: &str = "
    INSERT INTO messages (
        conversation_id, id, seq, rev, ordinal, sender_id, body, forwarded, sent_at, fingerprint_version, fingerprint
    ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, 1, ?9)
";

const INSERT_TERMS: &str = "INSERT INTO message_terms (rowid, body, attachments) VALUES (?1, ?2, ?3)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Rows, Sample};

    #[test]
    fn rows_are_stored_durably_and_found_by_term() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("baseline.sqlite");
        let sample = Sample::new();
        let mut database = Database::create(&path).expect("a database");
        let rows: Vec<_> = Rows::new(&sample, 4, 1).take(200).collect();
        assert_eq!(database.insert(rows.iter().copied()).expect("they fit"), 200);

        let pragma = |name| {
            database
                .connection
                .query_row(name, [], |row| row.get::<_, rusqlite::types::Value>(0))
        };
        assert_eq!(pragma("PRAGMA journal_mode").expect("a mode"), "wal".to_owned().into());
        assert_eq!(pragma("PRAGMA synchronous").expect("a level"), 2.into());

        let term = rows[0].text.terms.split(' ').next().expect("a word");
        let found: i64 = database
            .connection
            .query_row(
                "SELECT count(*) FROM message_terms WHERE message_terms MATCH ?1",
                [term],
                |row| row.get(0),
            )
            .expect("a count");
        assert_eq!(
            found,
            rows.iter()
                .filter(|row| row.text.terms.split(' ').any(|word| word == term))
                .count() as i64
        );
    }

    #[test]
    fn a_taken_seq_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let sample = Sample::new();
        let mut database = Database::create(&directory.path().join("baseline.sqlite")).expect("a database");
        let row = Rows::new(&sample, 1, 1).next().expect("endless");
        let other = MessageRow {
            id: uuid::Uuid::nil(),
            ..row
        };
        assert!(database.insert([row, other]).is_err());
    }
}

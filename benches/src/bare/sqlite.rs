//! Raw rusqlite, inserting the rows that the SQLite store would insert, with the same durability and indexes.

use std::{
    borrow::Cow,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Result, params};

use super::Inserted;
use crate::sample::MessageRow;

/// What is written to: the tables, and the two statements that store one message.
///
/// A message takes `?1` conversation, `?2` id, `?3` seq, `?4` rev, `?5` ordinal, `?6` sender, `?7` kind, `?8` body,
/// `?9` fingerprint, `?10` sent at; its tokens take `?1` the message's rowid, `?2` body, `?3` attachments.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Creates tables and indexes.
    pub create: Cow<'static, str>,
    /// Inserts a message.
    pub insert_message: Cow<'static, str>,
    /// Inserts its tokens.
    pub insert_tokens: Cow<'static, str>,
}

/// A database with one open connection.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    schema: Schema,
}

impl Schema {
    /// The columns and indexes that a message cannot do without.
    pub const fn plain() -> Self {
        Self {
            create: Cow::Borrowed(CREATE),
            insert_message: Cow::Borrowed(INSERT_MESSAGE),
            insert_tokens: Cow::Borrowed(INSERT_TOKENS),
        }
    }
}

impl Database {
    /// Creates the database: WAL, and a sync of the log at every commit.
    ///
    /// # Errors
    /// When the file cannot be written or the schema is wrong.
    pub fn create(path: &Path, schema: Schema) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        connection.execute_batch(&schema.create)?;
        Ok(Self { connection, schema })
    }

    /// Inserts rows in one transaction.
    ///
    /// # Errors
    /// When a row breaks a constraint or the disk is full.
    pub fn insert<'a>(&mut self, rows: impl IntoIterator<Item = MessageRow<'a>>) -> Result<u64> {
        let transaction = self.connection.transaction()?;
        let mut count = 0;
        {
            let mut message = transaction.prepare_cached(&self.schema.insert_message)?;
            let mut tokens = transaction.prepare_cached(&self.schema.insert_tokens)?;
            for row in rows {
                let rowid = message.insert(params![
                    row.conversation.as_bytes(),
                    row.id.as_bytes(),
                    row.seq,
                    row.seq,
                    row.seq,
                    row.sender.as_bytes(),
                    0,
                    row.text.body,
                    row.fingerprint,
                    row.sent_at,
                ])?;
                tokens.execute(params![rowid, row.text.tokens, ""])?;
                count += 1;
            }
        }
        transaction.commit()?;
        Ok(count)
    }

    /// Inserts `batch` rows to a transaction, one transaction after the other, for about so long.
    ///
    /// # Errors
    /// As [`Database::insert`].
    pub fn insert_for<'a>(
        &mut self,
        duration: Duration,
        batch: usize,
        rows: &mut impl Iterator<Item = MessageRow<'a>>,
    ) -> Result<Inserted> {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < duration {
            count += self.insert(rows.by_ref().take(batch))?;
        }
        Ok(Inserted {
            rows: count,
            elapsed: start.elapsed(),
        })
    }
}

const CREATE: &str = "
    CREATE TABLE messages (
        rowid        INTEGER PRIMARY KEY,
        conversation BLOB NOT NULL,
        id           BLOB NOT NULL,
        seq          INTEGER NOT NULL,
        rev          INTEGER NOT NULL,
        ordinal      INTEGER NOT NULL,
        sender       BLOB NOT NULL,
        kind         INTEGER NOT NULL,
        body         TEXT NOT NULL,
        fingerprint  BLOB NOT NULL,
        sent_at      INTEGER NOT NULL,
        edited_at    INTEGER,
        deleted_at   INTEGER,
        UNIQUE (conversation, id),
        UNIQUE (conversation, seq),
        UNIQUE (conversation, rev)
    ) STRICT;
    CREATE INDEX messages_deleted ON messages (conversation, seq) WHERE deleted_at IS NOT NULL;
    CREATE VIRTUAL TABLE message_tokens USING fts5 (body, attachments, content = '', contentless_delete = 1);
";

const INSERT_MESSAGE: &str = "
    INSERT INTO messages (conversation, id, seq, rev, ordinal, sender, kind, body, fingerprint, sent_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
";

const INSERT_TOKENS: &str = "INSERT INTO message_tokens (rowid, body, attachments) VALUES (?1, ?2, ?3)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Rows, Sample};

    #[test]
    fn rows_are_stored_durably_and_found_by_token() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bare.sqlite");
        let sample = Sample::new();
        let mut database = Database::create(&path, Schema::plain()).expect("a database");
        let rows: Vec<_> = Rows::new(&sample, 4, 1).take(200).collect();
        assert_eq!(database.insert(rows.iter().copied()).expect("they fit"), 200);

        let pragma = |name| {
            database
                .connection
                .query_row(name, [], |row| row.get::<_, rusqlite::types::Value>(0))
        };
        assert_eq!(pragma("PRAGMA journal_mode").expect("a mode"), "wal".to_owned().into());
        assert_eq!(pragma("PRAGMA synchronous").expect("a level"), 2.into());

        let token = rows[0].text.tokens.split(' ').next().expect("a word");
        let found: i64 = database
            .connection
            .query_row(
                "SELECT count(*) FROM message_tokens WHERE message_tokens MATCH ?1",
                [token],
                |row| row.get(0),
            )
            .expect("a count");
        assert_eq!(
            found,
            rows.iter()
                .filter(|row| row.text.tokens.split(' ').any(|word| word == token))
                .count() as i64
        );
    }

    #[test]
    fn a_taken_seq_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let sample = Sample::new();
        let mut database =
            Database::create(&directory.path().join("bare.sqlite"), Schema::plain()).expect("a database");
        let row = Rows::new(&sample, 1, 1).next().expect("endless");
        let other = MessageRow {
            id: uuid::Uuid::nil(),
            ..row
        };
        assert!(database.insert([row, other]).is_err());
    }
}

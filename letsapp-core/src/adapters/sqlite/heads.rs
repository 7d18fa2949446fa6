//! Heads of the conversations written to most recently, so that an append reads nothing from the file.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::domain::cache::Cache;
use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;

/// Heads of conversations, as the writer knows them. A head that a transaction moves is settled once the transaction is
/// committed.
pub(super) struct Heads {
    /// Heads that the present transaction moved or read.
    moved: HashMap<ConversationId, Head>,
    settled: Cache<ConversationId, Head>,
    capacity: usize,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "
            SELECT
                head.id,
                coalesce(head.seq, 0),
                coalesce((SELECT max(rev) FROM messages WHERE conversation_id = head.id), 0),
                coalesce(newest.ordinal, 0),
                coalesce((
                    SELECT max(seq) FROM messages
                    WHERE conversation_id = head.id AND system IS NOT NULL AND system ->> 'type' <> 'call'
                ), 0),
                coalesce(newest.sent_at, 0)
            FROM (
                SELECT id, (SELECT max(seq) FROM messages WHERE conversation_id = conversations.id) AS seq
                FROM conversations WHERE ",
            $condition,
            ") AS head
            LEFT JOIN messages AS newest ON newest.conversation_id = head.id AND newest.seq = head.seq"
        )
    };
}

const ONE: &str = select!("id = ?1");

/// Reads the heads of those of the conversations in an array that exist.
pub(super) const MANY: &str = select!("id IN rarray(?1)");

#[cfg(test)]
pub(super) const READS: &[&str] = &[ONE, MANY];

/// Reads a row of [`MANY`].
pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<(ConversationId, Head)> {
    let head = Head {
        seq: row.get(1)?,
        rev: row.get(2)?,
        ordinal: row.get::<_, i64>(3)?.unsigned_abs(),
        fence: row.get(4)?,
        sent_at: row.get(5)?,
    };
    Ok((row.get(0)?, head))
}

impl Heads {
    /// Creates a cache of at most `2 * capacity` heads.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            moved: HashMap::new(),
            settled: Cache::new(capacity),
            capacity,
        }
    }

    /// Returns the head of a conversation in the present transaction; `None` if there is no such conversation.
    pub(super) fn of(&mut self, id: ConversationId, connection: &Connection) -> rusqlite::Result<Option<Head>> {
        if let Some(head) = self.moved.get(&id).copied().or_else(|| self.settled.lookup(&id)) {
            return Ok(Some(head));
        }
        let read = connection.prepare_cached(ONE)?.query_row([id], head).optional()?;
        if let Some((_, head)) = read {
            self.moved.insert(id, head);
        }
        Ok(read.map(|(_, head)| head))
    }

    /// Records the head of a conversation after a change in the present transaction.
    pub(super) fn set(&mut self, id: ConversationId, head: Head) {
        self.moved.insert(id, head);
    }

    /// Settles the heads that the transaction moved, after its commit.
    pub(super) fn settle(&mut self) {
        for (id, head) in self.moved.drain() {
            self.settled.insert(id, head);
        }
    }

    /// Forgets all heads, after a rollback or an error that leaves the outcome of the transaction unknown.
    pub(super) fn forget(&mut self) {
        self.moved.clear();
        self.settled = Cache::new(self.capacity);
    }

    /// Returns the heads of the present transaction so far, for [`rewind`](Self::rewind).
    pub(super) fn mark(&self) -> Mark {
        Mark(self.moved.clone())
    }

    /// Restores the heads at a mark, after the transaction was rolled back to a savepoint.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.moved = mark.0;
    }
}

/// Heads of a transaction at a savepoint.
pub(super) struct Mark(HashMap<ConversationId, Head>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{Rev, Seq};
    use crate::domain::timestamp::Timestamp;

    fn id(n: u8) -> ConversationId {
        ConversationId::from_bytes([n; 16])
    }

    fn at(seq: u64) -> Head {
        Head {
            seq: Seq(seq),
            rev: Rev(seq),
            ordinal: seq,
            fence: Seq::ZERO,
            sent_at: Timestamp::default(),
        }
    }

    fn empty() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(crate::adapters::sqlite::SCHEMA).unwrap();
        connection
    }

    #[test]
    fn forgotten_heads_are_read_from_the_file_again() {
        let (connection, mut heads) = (empty(), Heads::with_capacity(8));
        heads.set(id(1), at(1));
        heads.settle();
        heads.set(id(1), at(2));
        assert_eq!(heads.of(id(1), &connection).unwrap(), Some(at(2)));
        heads.forget();
        assert_eq!(heads.of(id(1), &connection).unwrap(), None, "the file knows of none");
    }

    #[test]
    fn a_step_taken_back_leaves_those_before_it() {
        let (connection, mut heads) = (empty(), Heads::with_capacity(8));
        heads.set(id(1), at(1));
        let mark = heads.mark();
        heads.set(id(1), at(2));
        heads.set(id(2), at(1));
        heads.rewind(mark);
        assert_eq!(heads.of(id(1), &connection).unwrap(), Some(at(1)));
        assert_eq!(heads.of(id(2), &connection).unwrap(), None);
    }

    #[test]
    fn only_recent_ones_are_remembered() {
        let mut heads = Heads::with_capacity(4);
        for n in 0..100 {
            heads.set(id(n), at(1));
            heads.settle();
        }
        assert!(heads.settled.len() <= 8);
        assert_eq!(heads.of(id(99), &empty()).unwrap(), Some(at(1)));
    }
}

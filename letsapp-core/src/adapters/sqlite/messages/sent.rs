//! The newest message of each user in each block of messages of a conversation, in the table `sent`.
//!
//! An index by sender would have an entry for every message. Each sender's entries are at a place of their own, so a
//! commit would write half as many pages again.

use rusqlite::Connection;

use super::super::values::integer;
use crate::domain::id::{ConversationId, Seq, UserId};

/// Number of messages in a block. In larger ones, there is more to read at the end of a span; smaller ones make more
/// rows. `migrations/0009_sent.sql` has it too.
pub(super) const BLOCK: u64 = 256;

const STORE: &str = "
    INSERT INTO sent (conversation_id, sender_id, block, last_seq) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq";

/// A message that a user has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::adapters::sqlite) struct Sent {
    pub(super) conversation_id: ConversationId,
    pub(super) sender_id: UserId,
    pub(super) seq: Seq,
}

/// Stores the newest message of each user in each block.
pub(in crate::adapters::sqlite) fn store(connection: &Connection, sent: &mut [Sent]) -> rusqlite::Result<()> {
    if sent.is_empty() {
        return Ok(());
    }
    sent.sort_unstable();
    let mut statement = connection.prepare_cached(STORE)?;
    let same_row = |a: &Sent, b: &Sent| row(a) == row(b);
    for newest in sent.chunk_by(same_row).filter_map(<[Sent]>::last) {
        let (conversation_id, sender_id, block) = row(newest);
        statement.execute((conversation_id, sender_id, block, newest.seq))?;
    }
    Ok(())
}

/// Returns the key of the row that has a message.
fn row(sent: &Sent) -> (ConversationId, UserId, i64) {
    (sent.conversation_id, sent.sender_id, block(sent.seq))
}

/// Returns the block of a message.
pub(super) fn block(seq: Seq) -> i64 {
    integer(seq.0 / BLOCK)
}

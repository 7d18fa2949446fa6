//! Removing what is left of deleted conversations, a part at a time.

use rusqlite::params;

use super::transaction::Transaction;
use super::values::integer;
use crate::domain::id::ConversationId;

const IS_DELETED: &str = "SELECT 1 FROM conversations WHERE id = ?1 AND deleted_at IS NOT NULL";
/// The last of the messages to be removed now; the newest of all stays.
const THROUGH: &str = "
    SELECT min(
        (SELECT min(seq) FROM messages WHERE conversation_id = ?1) + ?2,
        (SELECT max(seq) FROM messages WHERE conversation_id = ?1)
    ) - 1";
const TERMS: &str = "
    DELETE FROM message_terms
    WHERE rowid IN (SELECT docid FROM messages WHERE conversation_id = ?1 AND seq <= ?2)";
const REACTIONS: &str = "DELETE FROM reactions WHERE conversation_id = ?1 AND seq <= ?2";
const MESSAGES: &str = "DELETE FROM messages WHERE conversation_id = ?1 AND seq <= ?2";
const MEMBERS: &str = "
    DELETE FROM members WHERE conversation_id = ?1
        AND user_id IN (SELECT user_id FROM members WHERE conversation_id = ?1 LIMIT ?2)";
const REMAINS: &str = "
    SELECT EXISTS (SELECT 1 FROM members WHERE conversation_id = ?1)
        OR (SELECT min(seq) FROM messages WHERE conversation_id = ?1)
            < (SELECT max(seq) FROM messages WHERE conversation_id = ?1)";
const DONE: &str = "UPDATE conversations SET remains = 0 WHERE id = ?1";

#[cfg(test)]
pub(super) const READS: &[&str] = &[IS_DELETED, THROUGH, REMAINS];

/// Removes at most `limit` records of members and as many messages; true once nothing is left.
pub(super) fn step(transaction: &Transaction<'_>, id: ConversationId, limit: usize) -> rusqlite::Result<bool> {
    if !transaction.prepare(IS_DELETED)?.exists([id])? {
        return Ok(true);
    }
    let limit = integer(limit as u64);
    transaction.prepare(MEMBERS)?.execute(params![id, limit])?;
    let through: Option<i64> = transaction
        .prepare(THROUGH)?
        .query_row(params![id, limit], |row| row.get(0))?;
    for sql in [TERMS, REACTIONS, MESSAGES] {
        transaction.prepare(sql)?.execute(params![id, through])?;
    }
    // Of a conversation without any message, nothing is compared with nothing.
    let remains: Option<bool> = transaction.prepare(REMAINS)?.query_row([id], |row| row.get(0))?;
    let done = remains != Some(true);
    if done {
        transaction.prepare(DONE)?.execute([id])?;
    }
    Ok(done)
}

//! Removal of the members and messages of deleted conversations, in small steps.
//!
//! A conversation may have millions of messages. Removing them in one transaction would block all other writes.

use rusqlite::params;

use super::terms;
use super::transaction::Transaction;
use super::values::integer;
use crate::domain::id::ConversationId;

const IS_DELETED: &str = "SELECT 1 FROM conversations WHERE id = ?1 AND deleted_at IS NOT NULL";
/// The `seq` of the last message to remove in this step. The newest message stays, because it records the head.
const THROUGH: &str = "
    SELECT min(
        (SELECT min(seq) FROM messages WHERE conversation_id = ?1) + ?2,
        (SELECT max(seq) FROM messages WHERE conversation_id = ?1)
    ) - 1";
const REACTIONS: &str = "DELETE FROM reactions WHERE conversation_id = ?1 AND seq <= ?2";
const MESSAGES: &str = "DELETE FROM messages WHERE conversation_id = ?1 AND seq <= ?2";
const SENT: &str = "
    DELETE FROM sent WHERE conversation_id = ?1
        AND (sender_id, block) IN (SELECT sender_id, block FROM sent WHERE conversation_id = ?1 LIMIT ?2)";
const MEMBERS: &str = "
    DELETE FROM members WHERE conversation_id = ?1
        AND user_id IN (SELECT user_id FROM members WHERE conversation_id = ?1 LIMIT ?2)";
const REMAINS: &str = "
    SELECT EXISTS (SELECT 1 FROM members WHERE conversation_id = ?1)
        OR EXISTS (SELECT 1 FROM sent WHERE conversation_id = ?1)
        OR (SELECT min(seq) FROM messages WHERE conversation_id = ?1)
            < (SELECT max(seq) FROM messages WHERE conversation_id = ?1)";
const DONE: &str = "UPDATE conversations SET remains = 0 WHERE id = ?1";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[IS_DELETED, THROUGH, REMAINS];

/// Removes at most `limit` members, messages and blocks of senders of a deleted conversation, each. Returns true once nothing is left to
/// remove.
pub(super) fn step(transaction: &Transaction<'_>, id: ConversationId, limit: usize) -> rusqlite::Result<bool> {
    if !transaction.prepare(IS_DELETED)?.exists([id])? {
        return Ok(true);
    }
    let limit = integer(limit as u64);
    for sql in [MEMBERS, SENT] {
        transaction.prepare(sql)?.execute(params![id, limit])?;
    }
    let through: Option<i64> = transaction
        .prepare(THROUGH)?
        .query_row(params![id, limit], |row| row.get(0))?;
    // The messages go last: their entries in the full-text index are found by their text.
    terms::remove_until(transaction, id, through)?;
    for sql in [REACTIONS, MESSAGES] {
        transaction.prepare(sql)?.execute(params![id, through])?;
    }
    // Null if the conversation has no messages: min and max are null then.
    let remains: Option<bool> = transaction.prepare(REMAINS)?.query_row([id], |row| row.get(0))?;
    let done = remains != Some(true);
    if done {
        transaction.prepare(DONE)?.execute([id])?;
    }
    Ok(done)
}

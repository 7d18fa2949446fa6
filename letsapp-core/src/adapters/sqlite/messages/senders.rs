//! Messages by their sender: the newest of each user, and the senders of a span.
//!
//! Both are read from the blocks of `sent.rs`, and from the messages of a block in which a span ends.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::sent::{BLOCK, block};
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::window::Span;
use crate::ports::SenderQuery;

pub(in crate::adapters::sqlite) const LAST_SENT: &str = "
    SELECT last_seq FROM sent WHERE conversation_id = ?1 AND sender_id = ?2 ORDER BY block DESC LIMIT 1";
/// The first block from the one of the span's beginning to the one of its end whose newest message is in the span or
/// behind it.
pub(in crate::adapters::sqlite) const HAS_SENT: &str = "
    SELECT last_seq FROM sent
    WHERE conversation_id = ?1 AND sender_id = ?2 AND block >= ?3 AND block <= ?4 AND last_seq > ?5
    ORDER BY block LIMIT 1";
pub(super) const SENDERS: &str = "
    SELECT sender_id FROM messages WHERE conversation_id = ?1 AND seq > ?2 AND seq <= ?3 AND system IS NULL";

/// Returns the newest message that each user has sent, without those who have sent none.
pub(super) fn last_sent(
    connection: &Connection,
    of: &[(ConversationId, UserId)],
) -> rusqlite::Result<Vec<((ConversationId, UserId), Seq)>> {
    let mut statement = connection.prepare_cached(LAST_SENT)?;
    let mut last_sent = Vec::with_capacity(of.len());
    for key in of {
        let mut rows = statement.query(params![key.0, key.1])?;
        if let Some(row) = rows.next()? {
            last_sent.push((*key, row.get(0)?));
        }
    }
    Ok(last_sent)
}

/// Returns, for each query, the users who sent messages in its span.
pub(super) fn senders(connection: &Connection, asked: &[SenderQuery]) -> rusqlite::Result<Vec<Vec<UserId>>> {
    asked.iter().map(|query| senders_of(connection, query)).collect()
}

fn senders_of(connection: &Connection, query: &SenderQuery) -> rusqlite::Result<Vec<UserId>> {
    let Span {
        conversation_id,
        after,
        through,
    } = query.span;
    let mut statement = connection.prepare_cached(HAS_SENT)?;
    let (mut senders, mut uncertain) = (Vec::new(), Vec::new());
    for user_id in &query.among {
        let params = params![conversation_id, user_id, block(after.next()), block(through), after];
        let mut rows = statement.query(params)?;
        match rows.next()?.map(|row| row.get::<_, Seq>(0)).transpose()? {
            Some(last) if last <= through => senders.push(*user_id),
            // In the block of the span's end, and behind it. There may be an earlier one in this block.
            Some(_) => uncertain.push(*user_id),
            None => {}
        }
    }
    if !uncertain.is_empty() {
        let begin = Seq(through.0 / BLOCK * BLOCK);
        let after = after.max(Seq(begin.0.saturating_sub(1)));
        let found = senders_one_by_one(connection, conversation_id, after, through)?;
        senders.extend(uncertain.into_iter().filter(|user_id| found.contains(user_id)));
    }
    Ok(senders)
}

/// Returns the senders of a part of a block, from its messages.
fn senders_one_by_one(
    connection: &Connection,
    conversation_id: ConversationId,
    after: Seq,
    through: Seq,
) -> rusqlite::Result<HashSet<UserId>> {
    let mut statement = connection.prepare_cached(SENDERS)?;
    let rows = statement.query_map(params![conversation_id, after, through], |row| row.get(0))?;
    rows.collect()
}

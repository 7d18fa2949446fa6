//! The reactions to a message.

use rusqlite::{Connection, Row, params};

use super::super::transaction::Transaction;
use crate::domain::id::{ConversationId, Seq};
use crate::domain::message::{Message, Reaction};

pub(super) const OF_MESSAGE: &str =
    "SELECT user_id, emoji, n FROM reactions WHERE conversation_id = ?1 AND seq = ?2 ORDER BY n";
const PUT: &str = "
    INSERT INTO reactions (conversation_id, seq, user_id, emoji, n) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (conversation_id, seq, user_id) DO UPDATE SET emoji = ?4, n = ?5";
const DELETE: &str = "DELETE FROM reactions WHERE conversation_id = ?1 AND seq = ?2 AND user_id = ?3";

/// A reaction and its place in the order in which they came.
struct Placed {
    reaction: Reaction,
    n: i64,
}

fn placed(row: &Row<'_>) -> rusqlite::Result<Placed> {
    Ok(Placed {
        reaction: Reaction {
            user_id: row.get(0)?,
            emoji: row.get(1)?,
        },
        n: row.get(2)?,
    })
}

fn read(connection: &Connection, conversation_id: ConversationId, seq: Seq) -> rusqlite::Result<Vec<Placed>> {
    connection
        .prepare_cached(OF_MESSAGE)?
        .query_map(params![conversation_id, seq], placed)?
        .collect()
}

/// Returns the reactions to a message, the oldest first.
pub(super) fn of(
    connection: &Connection,
    conversation_id: ConversationId,
    seq: Seq,
) -> rusqlite::Result<Vec<Reaction>> {
    let placed = read(connection, conversation_id, seq)?;
    Ok(placed.into_iter().map(|placed| placed.reaction).collect())
}

/// Makes the stored reactions to the message at `seq` what the message says, and touches only those that differ.
pub(super) fn replace(transaction: &Transaction<'_>, message: &Message, seq: Seq) -> rusqlite::Result<()> {
    let conversation_id = message.conversation_id;
    let before = read(transaction.connection(), conversation_id, seq)?;
    for Placed { reaction, .. } in &before {
        if !message.reactions.iter().any(|kept| kept.user_id == reaction.user_id) {
            transaction
                .prepare(DELETE)?
                .execute(params![conversation_id, seq, reaction.user_id])?;
        }
    }
    let mut next = before.last().map_or(0, |last| last.n) + 1;
    let mut last_kept = i64::MIN;
    for reaction in &message.reactions {
        let kept = before.iter().find(|placed| same(&placed.reaction, reaction));
        match kept {
            Some(placed) if placed.n > last_kept => last_kept = placed.n,
            _ => {
                transaction.prepare(PUT)?.execute(params![
                    conversation_id,
                    seq,
                    reaction.user_id,
                    reaction.emoji,
                    next
                ])?;
                last_kept = next;
                next += 1;
            }
        }
    }
    Ok(())
}

/// Tells whether two are the same to the letter: spellings of one emoji are equal, but kept as sent.
fn same(a: &Reaction, b: &Reaction) -> bool {
    a.user_id == b.user_id && a.emoji.as_str() == b.emoji.as_str()
}

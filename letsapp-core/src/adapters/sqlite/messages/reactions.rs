//! Reactions to messages.

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

/// A stored reaction with its place among the reactions to a message.
struct Placed {
    reaction: Reaction,
    /// Sort key: the order in which the reactions came. May have gaps.
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

/// Returns the reactions to a message with their places, oldest first.
fn read(connection: &Connection, conversation_id: ConversationId, seq: Seq) -> rusqlite::Result<Vec<Placed>> {
    connection
        .prepare_cached(OF_MESSAGE)?
        .query_map(params![conversation_id, seq], placed)?
        .collect()
}

/// Returns the reactions to a message, oldest first.
pub(super) fn of(
    connection: &Connection,
    conversation_id: ConversationId,
    seq: Seq,
) -> rusqlite::Result<Vec<Reaction>> {
    let placed = read(connection, conversation_id, seq)?;
    Ok(placed.into_iter().map(|placed| placed.reaction).collect())
}

/// Replaces the stored reactions to the message at `seq` by those of `message`, and writes only rows that differ.
/// One more reaction to a message that has many is one more row.
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
    // A stored reaction keeps its row as long as the places kept so far ascend; from there on rows get new places.
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

/// Returns true if two reactions are equal to the byte. `Emoji` compares spellings of one emoji as equal, but the store
/// keeps the spelling that was sent.
fn same(a: &Reaction, b: &Reaction) -> bool {
    a.user_id == b.user_id && a.emoji.as_str() == b.emoji.as_str()
}

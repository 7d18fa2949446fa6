//! The full-text index: the terms of messages, by the row id of the message.
//!
//! The index keeps no list of the terms of a message. To remove a message, it is told the terms again, which follow
//! from the text of the message; so an entry is removed before its text is. With FTS5's option secure-delete, set by the
//! schema, nothing of it stays in the file.

use rusqlite::{Connection, Row, params};

use super::messages::stored::attachments;
use super::transaction::Transaction;
use crate::domain::id::ConversationId;
use crate::domain::message::Message;
use crate::domain::search::{ANALYSIS_VERSION, IndexTerms};

const ADD: &str = "INSERT INTO message_terms (rowid, body, attachments) VALUES (?1, ?2, ?3)";
const REMOVE: &str =
    "INSERT INTO message_terms (message_terms, rowid, body, attachments) VALUES ('delete', ?1, ?2, ?3)";
const CLEAR: &str = "INSERT INTO message_terms (message_terms) VALUES ('delete-all')";
const ANALYSIS: &str = "SELECT analysis FROM meta";
const SET_ANALYSIS: &str = "UPDATE meta SET analysis = ?1";
const TEXTS: &str = "SELECT docid, body, attachments FROM messages WHERE system IS NULL";
const TEXTS_UNTIL: &str =
    "SELECT docid, body, attachments FROM messages WHERE conversation_id = ?1 AND seq <= ?2 AND system IS NULL";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[TEXTS_UNTIL];

/// Row id of a message, under which the index stores its terms.
#[derive(Clone, Copy)]
pub(super) struct DocId(pub(super) i64);

/// Adds a message. One without terms gets no entry.
pub(super) fn add(transaction: &Transaction<'_>, id: DocId, message: &Message) -> rusqlite::Result<()> {
    let terms = IndexTerms::of(message);
    if !terms.is_empty() {
        transaction
            .prepare(ADD)?
            .execute(params![id.0, terms.body, terms.attachments])?;
    }
    Ok(())
}

/// Removes a message, in the state in which it was added.
pub(super) fn remove(transaction: &Transaction<'_>, id: DocId, message: &Message) -> rusqlite::Result<()> {
    remove_terms(transaction, id, &IndexTerms::of(message))
}

/// Removes the messages of a conversation up to this `seq`.
pub(super) fn remove_until(
    transaction: &Transaction<'_>,
    id: ConversationId,
    seq: Option<i64>,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(TEXTS_UNTIL)?;
    let mut rows = statement.query(params![id, seq])?;
    while let Some(row) = rows.next()? {
        let (id, terms) = text(row)?;
        remove_terms(transaction, id, &terms)?;
    }
    Ok(())
}

/// Adds all messages of a file to the index, which is empty.
pub(super) fn add_all(connection: &Connection) -> rusqlite::Result<()> {
    let mut add = connection.prepare(ADD)?;
    let mut statement = connection.prepare(TEXTS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, terms) = text(row)?;
        if !terms.is_empty() {
            add.execute(params![id.0, terms.body, terms.attachments])?;
        }
    }
    Ok(())
}

/// Makes the index anew, from the texts of all messages, if it was made by other rules than those of this program. An
/// index of other rules finds less, and what is removed by the terms of these rules would stay in it.
pub(super) fn renew(connection: &Connection) -> rusqlite::Result<()> {
    let stored: u32 = connection.query_row(ANALYSIS, [], |row| row.get(0))?;
    if stored == ANALYSIS_VERSION {
        return Ok(());
    }
    tracing::info!(
        stored,
        current = ANALYSIS_VERSION,
        "making the search index anew once: it was made by another version of the rules"
    );
    let transaction = connection.unchecked_transaction()?;
    transaction.execute(CLEAR, [])?;
    add_all(&transaction)?;
    transaction.execute(SET_ANALYSIS, [ANALYSIS_VERSION])?;
    transaction.commit()
}

fn remove_terms(transaction: &Transaction<'_>, id: DocId, terms: &IndexTerms) -> rusqlite::Result<()> {
    // A message without terms has no entry, and FTS5 counts its entries.
    if !terms.is_empty() {
        transaction
            .prepare(REMOVE)?
            .execute(params![id.0, terms.body, terms.attachments])?;
    }
    Ok(())
}

/// Reads the row id and the terms of a message from its `docid`, `body` and `attachments`.
fn text(row: &Row<'_>) -> rusqlite::Result<(DocId, IndexTerms)> {
    let body: Option<String> = row.get(1)?;
    let terms = IndexTerms::of_text(&body.unwrap_or_default(), &attachments(row.get(2)?));
    Ok((DocId(row.get(0)?), terms))
}

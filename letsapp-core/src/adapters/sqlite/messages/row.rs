//! Rows of the table `messages`: reading and writing.

use rusqlite::{Connection, Params, Row, params};

use super::super::terms::DocId;
use super::super::transaction::Transaction;
use super::super::values::{Json, integer, list};
use super::reactions;
use super::stored::{StoredAttachment, StoredSystemEvent, attachments};
use crate::domain::id::{ConversationId, MessageId, Rev, Seq};
use crate::domain::message::{Content, Fingerprint, Message, Position};

/// Makes a SELECT of all columns that [`message`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT conversation_id, id, seq, rev, ordinal, sender_id, body, system, reply_to, forwarded, mentions, ",
            "attachments, sent_at, edited_at, deleted_at, fingerprint_version, fingerprint FROM messages WHERE ",
            $rest
        )
    };
}
pub(super) use select;

pub(super) const BY_SEQ: &str = select!("conversation_id = ?1 AND seq = ?2");
pub(super) const BY_ID: &str = select!("conversation_id = ?1 AND id = ?2");

/// Index of the column `seq` in a SELECT made by [`select`].
const SEQ: usize = 2;

const INSERT: &str = "
    INSERT INTO messages (
        conversation_id, id, seq, rev, ordinal, sender_id, body, system, reply_to, forwarded, mentions, attachments,
        sent_at, edited_at, deleted_at, fingerprint_version, fingerprint
    ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
    ON CONFLICT (conversation_id, id) DO NOTHING";
const UPDATE: &str = "
    UPDATE messages SET rev = ?5, sender_id = ?6, body = ?7, system = ?8, reply_to = ?9, forwarded = ?10, mentions = ?11,
        attachments = ?12, edited_at = ?13, deleted_at = ?14, fingerprint_version = ?15, fingerprint = ?16
    WHERE conversation_id = ?1 AND id = ?2 AND seq = ?3 AND rev = ?4
    RETURNING docid, ordinal, sent_at";

/// Reads a message, without its reactions, from a row of a SELECT made by [`select`].
fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let content = match row.get::<_, Option<Json<StoredSystemEvent>>>(7)? {
        Some(Json(event)) => Content::System(event.into()),
        None => Content::Text(row.get(6)?),
    };
    Ok(Message {
        conversation_id: row.get(0)?,
        id: row.get(1)?,
        seq: row.get(SEQ)?,
        rev: row.get(3)?,
        ordinal: row.get::<_, i64>(4)?.unsigned_abs(),
        sender_id: row.get(5)?,
        content,
        reply_to: row.get(8)?,
        forwarded: row.get(9)?,
        mentions: row.get::<_, Option<Json<_>>>(10)?.map_or_else(Vec::new, |list| list.0),
        attachments: attachments(row.get(11)?),
        reactions: Vec::new(),
        sent_at: row.get(12)?,
        edited_at: row.get(13)?,
        deleted_at: row.get(14)?,
        fingerprint: Fingerprint {
            version: row.get(15)?,
            hash: row.get(16)?,
        },
    })
}

/// Returns the message with this id.
pub(super) fn by_id(
    connection: &Connection,
    id: ConversationId,
    message_id: MessageId,
) -> rusqlite::Result<Option<Message>> {
    one(connection, BY_ID, params![id, message_id])
}

/// Returns the first message that a statement made by [`select`] finds.
pub(super) fn one(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Option<Message>> {
    let mut messages = Vec::new();
    all(connection, sql, params, 1, &mut messages, |_| true)?;
    Ok(messages.pop())
}

/// Pushes at most `limit` of the messages that a statement made by [`select`] finds, skipping those whose `seq` is not
/// `wanted`.
pub(super) fn all(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    limit: usize,
    messages: &mut Vec<Message>,
    wanted: impl Fn(Seq) -> bool,
) -> rusqlite::Result<()> {
    let end = messages.len().saturating_add(limit);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while messages.len() < end
        && let Some(row) = rows.next()?
    {
        if wanted(row.get(SEQ)?) {
            let mut message = message(row)?;
            message.reactions = reactions::of(connection, message.conversation_id, message.seq)?;
            messages.push(message);
        }
    }
    Ok(())
}

/// Inserts a message. Returns `None`, and inserts nothing, if its id is taken in the conversation.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    message: &Message,
    position: Position,
) -> rusqlite::Result<Option<DocId>> {
    let (body, system) = columns(&message.content);
    let inserted = transaction.prepare(INSERT)?.execute(params![
        message.conversation_id,
        message.id,
        position.seq,
        position.rev,
        integer(position.ordinal),
        message.sender_id,
        body,
        system,
        message.reply_to,
        message.forwarded,
        list(&message.mentions),
        list(&stored_attachments(message)),
        position.sent_at,
        message.edited_at,
        message.deleted_at,
        message.fingerprint.version,
        message.fingerprint.hash,
    ])?;
    Ok((inserted == 1).then(|| DocId(transaction.connection().last_insert_rowid())))
}

/// Replaces a message by its new state at `rev`, and returns its row id and position. Returns `None`, and changes
/// nothing, if the stored `rev` is no longer `message.rev`.
pub(super) fn update(
    transaction: &Transaction<'_>,
    message: &Message,
    rev: Rev,
) -> rusqlite::Result<Option<(DocId, Position)>> {
    let (body, system) = columns(&message.content);
    let mut statement = transaction.prepare(UPDATE)?;
    let mut updated = statement.query(params![
        message.conversation_id,
        message.id,
        message.seq,
        message.rev,
        rev,
        message.sender_id,
        body,
        system,
        message.reply_to,
        message.forwarded,
        list(&message.mentions),
        list(&stored_attachments(message)),
        message.edited_at,
        message.deleted_at,
        message.fingerprint.version,
        message.fingerprint.hash,
    ])?;
    let Some(row) = updated.next()? else {
        return Ok(None);
    };
    let position = Position {
        seq: message.seq,
        rev,
        ordinal: row.get::<_, i64>(1)?.unsigned_abs(),
        sent_at: row.get(2)?,
    };
    Ok(Some((DocId(row.get(0)?), position)))
}

/// Returns the values of the columns `body` and `system`, one of which is always null.
fn columns(content: &Content) -> (Option<&str>, Option<Json<StoredSystemEvent>>) {
    match content {
        Content::Text(body) => (Some(body), None),
        Content::System(event) => (None, Some(Json(event.clone().into()))),
    }
}

/// Returns the value of the column `attachments`.
fn stored_attachments(message: &Message) -> Vec<StoredAttachment> {
    message
        .attachments
        .iter()
        .cloned()
        .map(StoredAttachment::from)
        .collect()
}

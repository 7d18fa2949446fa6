//! Statements and columns of the table `media_refs`.

use rusqlite::types::FromSqlError;
use rusqlite::{Row, params};

use crate::adapters::sqlite::transaction::Transaction;
use crate::adapters::sqlite::values::UnknownWord;
use crate::domain::id::MediaId;
use crate::domain::media::{Holder, MediaRef};

pub(super) const OF_MEDIA: &str =
    "SELECT media_id, holder, holder_id, message_id, at FROM media_refs WHERE media_id IN rarray(?1)";
pub(super) const IN_CONVERSATION: &str = "
    SELECT media_id, holder, holder_id, message_id, at FROM media_refs
    WHERE holder_id = ?1 AND holder <> 'profile' LIMIT ?2";
const REFER: &str = "
    INSERT INTO media_refs (media_id, holder, holder_id, message_id, at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (media_id, holder, holder_id, message_id) DO UPDATE SET at = max(at, excluded.at)";
const RELEASE: &str =
    "DELETE FROM media_refs WHERE media_id = ?1 AND holder = ?2 AND holder_id = ?3 AND message_id = ?4";
const EXPIRE: &str =
    "DELETE FROM media_refs WHERE media_id = ?1 AND holder = ?2 AND holder_id = ?3 AND message_id = ?4 AND at <= ?5";
pub(super) const REMOVE: &str = "DELETE FROM media_refs WHERE media_id = ?1";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[OF_MEDIA, IN_CONVERSATION];

const MESSAGE: &str = "message";
const PROFILE: &str = "profile";
const GROUP: &str = "group";

/// Columns of a holder: its kind, its id, and the message's id, which is empty unless it is a message.
type Columns<'a> = (&'static str, &'a [u8; 16], &'a [u8]);

/// Reads a row.
pub(super) fn reference(row: &Row<'_>) -> rusqlite::Result<MediaRef> {
    Ok(MediaRef {
        media_id: row.get(0)?,
        holder: holder(row)?,
        at: row.get(4)?,
    })
}

/// Adds a reference, or raises its time.
pub(super) fn refer(transaction: &Transaction<'_>, reference: &MediaRef) -> rusqlite::Result<()> {
    let MediaRef { media_id, holder, at } = reference;
    let (kind, id, message) = columns(holder);
    transaction
        .prepare(REFER)?
        .execute(params![media_id, kind, id, message, at])?;
    Ok(())
}

/// Removes a reference.
pub(super) fn release(transaction: &Transaction<'_>, media_id: MediaId, holder: &Holder) -> rusqlite::Result<()> {
    let (kind, id, message) = columns(holder);
    transaction
        .prepare(RELEASE)?
        .execute(params![media_id, kind, id, message])?;
    Ok(())
}

/// Removes a reference unless its time has risen.
pub(super) fn expire(transaction: &Transaction<'_>, reference: &MediaRef) -> rusqlite::Result<()> {
    let MediaRef { media_id, holder, at } = reference;
    let (kind, id, message) = columns(holder);
    transaction
        .prepare(EXPIRE)?
        .execute(params![media_id, kind, id, message, at])?;
    Ok(())
}

fn columns(holder: &Holder) -> Columns<'_> {
    match holder {
        Holder::Message {
            conversation_id,
            message_id,
        } => (MESSAGE, conversation_id.as_bytes(), message_id.as_bytes()),
        Holder::Profile(user_id) => (PROFILE, user_id.as_bytes(), &[]),
        Holder::Group(conversation_id) => (GROUP, conversation_id.as_bytes(), &[]),
    }
}

fn holder(row: &Row<'_>) -> rusqlite::Result<Holder> {
    let kind: String = row.get(1)?;
    Ok(match kind.as_str() {
        MESSAGE => Holder::Message {
            conversation_id: row.get(2)?,
            message_id: row.get(3)?,
        },
        PROFILE => Holder::Profile(row.get(2)?),
        GROUP => Holder::Group(row.get(2)?),
        _ => return Err(FromSqlError::other(UnknownWord(kind)).into()),
    })
}

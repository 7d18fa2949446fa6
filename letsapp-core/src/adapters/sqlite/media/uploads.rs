//! Statements and columns of the table `uploads`.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::adapters::sqlite::transaction::Transaction;
use crate::adapters::sqlite::values::{Json, integer};
use crate::domain::id::{BlobId, MediaId};
use crate::domain::media::{Upload, UploadPart};

/// Columns that [`upload`] reads, in order.
macro_rules! columns {
    () => {
        "id, owner_id, file_name, content_type, length, arrived, parts, reserved, created_at, expires_at"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM uploads WHERE id = ?1");
pub(super) const EXPIRED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM uploads WHERE expires_at <= ?1 ORDER BY expires_at, id LIMIT ?2"
);
pub(in crate::adapters::sqlite) const UNFINISHED: &str =
    "SELECT count(*), coalesce(sum(arrived), 0) FROM uploads WHERE owner_id = ?1 AND arrived < length";
const PUT: &str = concat!(
    "INSERT OR REPLACE INTO uploads (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
);
pub(super) const END: &str = concat!("DELETE FROM uploads WHERE id = ?1 RETURNING ", columns!());

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[BY_ID, EXPIRED, UNFINISHED];

/// Statements that must get their order from an index, since there may be any number of uploads.
#[cfg(test)]
pub(super) const PAGES: &[&str] = &[EXPIRED];

/// Element of the column `parts`.
#[derive(Debug, Serialize, Deserialize)]
struct StoredPart {
    blob: BlobId,
    /// Size in bytes.
    size: u64,
}

/// Reads a row.
pub(super) fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let parts: Json<Vec<StoredPart>> = row.get(6)?;
    let part = |StoredPart { blob, size }| UploadPart { blob, size };
    Ok(Upload {
        id: row.get(0)?,
        owner_id: row.get(1)?,
        file_name: row.get(2)?,
        content_type: row.get(3)?,
        length: row.get::<_, Option<i64>>(4)?.map(i64::unsigned_abs),
        offset: row.get::<_, i64>(5)?.unsigned_abs(),
        parts: parts.0.into_iter().map(part).collect(),
        reserved: row.get::<_, Json<Vec<BlobId>>>(7)?.0,
        created_at: row.get(8)?,
        expires_at: row.get(9)?,
    })
}

/// Returns an upload.
pub(super) fn by_id(connection: &Connection, id: MediaId) -> rusqlite::Result<Option<Upload>> {
    connection.prepare_cached(BY_ID)?.query_row([id], upload).optional()
}

/// Stores an upload in place of the one with its id. The parts are few, so that writing all of them again is cheap.
pub(super) fn put(transaction: &Transaction<'_>, upload: &Upload) -> rusqlite::Result<()> {
    let part = |part: &UploadPart| StoredPart {
        blob: part.blob,
        size: part.size,
    };
    let parts: Vec<_> = upload.parts.iter().map(part).collect();
    transaction.prepare(PUT)?.execute(params![
        upload.id,
        upload.owner_id,
        upload.file_name,
        upload.content_type,
        upload.length.map(integer),
        integer(upload.offset),
        Json(parts),
        Json(&upload.reserved),
        upload.created_at,
        upload.expires_at,
    ])?;
    Ok(())
}

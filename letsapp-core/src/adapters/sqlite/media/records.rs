//! Statements and columns of the table `media`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::adapters::sqlite::transaction::Transaction;
use crate::adapters::sqlite::values::integer;
use crate::domain::id::{BlobId, MediaId};
use crate::domain::media::{Media, MediaFacts, StoredThumbnail, Thumbnail};
use crate::domain::timestamp::Timestamp;

/// Columns that [`media`] reads, in order.
macro_rules! columns {
    () => {
        "id, owner_id, state, status, file_name, content_type, size, sha256, request, blob, scanned_at, created_at,
        check_at, width, height, duration, animated, waveform, thumbnail_blob, thumbnail_type, thumbnail_size,
        thumbnail_width, thumbnail_height, thumbnail_blurhash"
    };
}

/// Makes a SELECT of all columns.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM media ", $rest)
    };
}

const BY_ID: &str = select!("WHERE id = ?1");
pub(super) const FIND: &str = select!("WHERE id IN rarray(?1) AND state <> 'removed'");
pub(super) const SIBLING: &str =
    select!("WHERE owner_id = ?1 AND sha256 = ?2 AND state = 'live' ORDER BY created_at, id LIMIT 1");
pub(in crate::adapters::sqlite) const USAGE: &str =
    "SELECT count(*), coalesce(sum(size), 0) FROM media WHERE owner_id = ?1 AND state <> 'removed'";
// The empty blob sorts before every id, so without `after` a page starts at the first row.
pub(super) const OF_OWNER: &str =
    select!("WHERE owner_id = ?1 AND id > coalesce(?2, x'') AND state <> 'removed' ORDER BY id LIMIT ?3");
pub(super) const ALL: &str = select!("WHERE id > coalesce(?1, x'') AND state <> 'removed' ORDER BY id LIMIT ?2");
// Files that are processing are few: without the name, SQLite may read all files in the order of the table instead.
pub(in crate::adapters::sqlite) const UNPROCESSED: &str = select!(
    "INDEXED BY media_processing WHERE status = 'processing' AND id > coalesce(?1, x'') AND state <> 'removed'
    ORDER BY id LIMIT ?2"
);
pub(in crate::adapters::sqlite) const DUE: &str = select!("WHERE check_at <= ?1 ORDER BY check_at, id LIMIT ?2");
pub(super) const HOLDS_BLOB: &str = "
    SELECT EXISTS (SELECT 1 FROM media WHERE blob = ?1 AND state <> 'removed')
        OR EXISTS (SELECT 1 FROM media WHERE thumbnail_blob = ?1 AND state <> 'removed')";
const INSERT: &str = concat!(
    "INSERT INTO media (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
        ?23, ?24) ON CONFLICT (id) DO NOTHING"
);
const PROCESS: &str = concat!(
    "UPDATE media SET status = 'ready', width = ?2, height = ?3, duration = ?4, animated = ?5, waveform = ?6,
        thumbnail_blob = ?7, thumbnail_type = ?8, thumbnail_size = ?9, thumbnail_width = ?10, thumbnail_height = ?11,
        thumbnail_blurhash = ?12
    WHERE id = ?1 AND status = 'processing' AND state <> 'removed' RETURNING ",
    columns!()
);
pub(super) const SCANNED: &str = "UPDATE media SET scanned_at = max(coalesce(scanned_at, ?2), ?2) WHERE id = ?1";
const SCHEDULE: &str = "UPDATE media SET check_at = ?2 WHERE id = ?1 AND (check_at IS NULL OR check_at > ?2)";
// Two that move the file at once: the condition on its state lets one of them.
pub(super) const SET_STATE: &str = "UPDATE media SET state = ?3, check_at = ?4 WHERE id = ?1 AND state = ?2";
pub(super) const REMOVE: &str = "DELETE FROM media WHERE id = ?1 AND state = 'removed'";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[BY_ID, FIND, SIBLING, USAGE, OF_OWNER, ALL, UNPROCESSED, DUE, HOLDS_BLOB];

/// Statements that must get their order from an index, since there may be any number of files.
#[cfg(test)]
pub(super) const PAGES: &[&str] = &[SIBLING, OF_OWNER, ALL, UNPROCESSED, DUE];

/// Reads a row.
pub(super) fn media(row: &Row<'_>) -> rusqlite::Result<Media> {
    Ok(Media {
        id: row.get(0)?,
        owner_id: row.get(1)?,
        state: row.get(2)?,
        status: row.get(3)?,
        file_name: row.get(4)?,
        content_type: row.get(5)?,
        size: row.get::<_, i64>(6)?.unsigned_abs(),
        sha256: row.get(7)?,
        request: row.get(8)?,
        blob: row.get(9)?,
        scanned_at: row.get(10)?,
        created_at: row.get(11)?,
        check_at: row.get(12)?,
        facts: MediaFacts {
            width: row.get(13)?,
            height: row.get(14)?,
            duration: row.get::<_, Option<i64>>(15)?.map(i64::unsigned_abs),
            animated: row.get(16)?,
            waveform: row.get(17)?,
            thumbnail: thumbnail(row)?,
        },
    })
}

/// Reads the columns of the preview; `None` if there is none.
fn thumbnail(row: &Row<'_>) -> rusqlite::Result<Option<StoredThumbnail>> {
    let Some(blob) = row.get::<_, Option<BlobId>>(18)? else {
        return Ok(None);
    };
    Ok(Some(StoredThumbnail {
        blob,
        content_type: row.get(19)?,
        size: row.get::<_, i64>(20)?.unsigned_abs(),
        thumbnail: Thumbnail {
            width: row.get(21)?,
            height: row.get(22)?,
            blurhash: row.get(23)?,
        },
    }))
}

/// Returns a file in whatever state.
pub(super) fn by_id(connection: &Connection, id: MediaId) -> rusqlite::Result<Option<Media>> {
    connection.prepare_cached(BY_ID)?.query_row([id], media).optional()
}

/// Inserts a row, and returns false if its id is taken.
pub(super) fn insert(transaction: &Transaction<'_>, media: &Media) -> rusqlite::Result<bool> {
    let facts = &media.facts;
    let thumbnail = facts.thumbnail.as_ref();
    let inserted = transaction.prepare(INSERT)?.execute(params![
        media.id,
        media.owner_id,
        media.state,
        media.status,
        media.file_name,
        media.content_type,
        integer(media.size),
        media.sha256,
        media.request,
        media.blob,
        media.scanned_at,
        media.created_at,
        media.check_at,
        facts.width,
        facts.height,
        facts.duration.map(integer),
        facts.animated,
        facts.waveform,
        thumbnail.map(|thumbnail| thumbnail.blob),
        thumbnail.map(|thumbnail| &thumbnail.content_type),
        thumbnail.map(|thumbnail| integer(thumbnail.size)),
        thumbnail.map(|thumbnail| thumbnail.thumbnail.width),
        thumbnail.map(|thumbnail| thumbnail.thumbnail.height),
        thumbnail.map(|thumbnail| &thumbnail.thumbnail.blurhash),
    ])?;
    Ok(inserted == 1)
}

/// Stores the facts of a file that is processing, and returns the file.
pub(super) fn process(
    transaction: &Transaction<'_>,
    id: MediaId,
    facts: &MediaFacts,
) -> rusqlite::Result<Option<Media>> {
    let thumbnail = facts.thumbnail.as_ref();
    let values = params![
        id,
        facts.width,
        facts.height,
        facts.duration.map(integer),
        facts.animated,
        facts.waveform,
        thumbnail.map(|thumbnail| thumbnail.blob),
        thumbnail.map(|thumbnail| &thumbnail.content_type),
        thumbnail.map(|thumbnail| integer(thumbnail.size)),
        thumbnail.map(|thumbnail| thumbnail.thumbnail.width),
        thumbnail.map(|thumbnail| thumbnail.thumbnail.height),
        thumbnail.map(|thumbnail| &thumbnail.thumbnail.blurhash),
    ];
    transaction.prepare(PROCESS)?.query_row(values, media).optional()
}

/// Lowers the time of a file's next check.
pub(super) fn schedule(transaction: &Transaction<'_>, id: MediaId, at: Timestamp) -> rusqlite::Result<()> {
    transaction.prepare(SCHEDULE)?.execute(params![id, at])?;
    Ok(())
}

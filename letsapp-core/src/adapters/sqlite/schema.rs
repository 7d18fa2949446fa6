//! Tables of the database, and the migrations that create them.

use rusqlite::Connection;

use super::terms;

/// SQL statements that create the tables and indexes of a new file, in the newest version. Public so that tools can
/// compare a file with it.
pub const SCHEMA: &str = concat!(
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_contacts.sql"),
    include_str!("migrations/0003_erasure.sql"),
    include_str!("migrations/0004_senders.sql"),
    include_str!("migrations/0005_wiping.sql"),
    include_str!("migrations/0006_user_search.sql"),
    include_str!("migrations/0007_privacy.sql"),
    include_str!("migrations/0008_meta.sql"),
    include_str!("migrations/0009_sent.sql"),
    include_str!("migrations/0010_receipts.sql"),
    include_str!("migrations/0011_media.sql"),
    include_str!("migrations/0012_unfinished.sql"),
);

/// Migrations in order: the one at index `n` leads from version `n` to `n + 1`. Released migrations are never changed,
/// because existing files were made by them.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_contacts.sql"),
    include_str!("migrations/0003_erasure.sql"),
    include_str!("migrations/0004_senders.sql"),
    include_str!("migrations/0005_wiping.sql"),
    include_str!("migrations/0006_user_search.sql"),
    include_str!("migrations/0007_privacy.sql"),
    include_str!("migrations/0008_meta.sql"),
    include_str!("migrations/0009_sent.sql"),
    include_str!("migrations/0010_receipts.sql"),
    include_str!("migrations/0011_media.sql"),
    include_str!("migrations/0012_unfinished.sql"),
];

/// Schema version that this program writes, stored in the file as `user_version`.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// First version that leaves no deleted text in the file. Its migration makes the full-text index anew, empty.
pub(super) const WIPING: usize = 5;

/// SQLite's `application_id` of LetsApp's files: the bytes `LApp`.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"LApp");

/// Program and version that wrote a file, according to its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// New file: nothing has been written to it.
    Empty,
    /// LetsApp, with this schema version.
    Ours(usize),
    /// Another program.
    Foreign,
}

/// Reads the header of a file.
pub(super) fn origin(connection: &Connection) -> rusqlite::Result<Origin> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application_id, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application_id, usize::try_from(version)) {
        (APPLICATION_ID, Ok(version)) => Origin::Ours(version),
        // Many programs set neither number, so a file only counts as new if it has no tables.
        (0, Ok(0)) if tables == 0 => Origin::Empty,
        _ => Origin::Foreign,
    })
}

/// Migrates a file from `version` to [`VERSION`], with one transaction per migration.
///
/// The version is written in the same transaction, so an interrupted migration starts again where it stopped.
pub(super) fn migrate(connection: &Connection, version: usize) -> rusqlite::Result<()> {
    for (migration, version) in MIGRATIONS.iter().zip(1_usize..).skip(version) {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(migration)?;
        if version == WIPING {
            terms::add_all(&transaction)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(
            None,
            "user_version",
            i32::try_from(version).expect("migrations are few"),
        )?;
        transaction.commit()?;
    }
    Ok(())
}

//! The tables, and how a file of an older version gets them.

use rusqlite::Connection;

/// The tables and indexes of a new file, for whoever wants to compare with them or look at them.
pub const SCHEMA: &str = concat!(
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_contacts.sql"),
    include_str!("migrations/0003_erasure.sql"),
);

/// What makes each version of the schema from the one before it. Those that were released are never changed.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_contacts.sql"),
    include_str!("migrations/0003_erasure.sql"),
];

/// The version of the schema that this program writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Marks the file as ours: `LApp`.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"LApp");

/// What a file is, going by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nothing has been written to it.
    Empty,
    /// It is ours, of this version.
    Ours(usize),
    /// It is another program's.
    Foreign,
}

/// Tells what a file is.
pub(super) fn origin(connection: &Connection) -> rusqlite::Result<Origin> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application_id, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application_id, usize::try_from(version)) {
        (APPLICATION_ID, Ok(version)) => Origin::Ours(version),
        (0, Ok(0)) if tables == 0 => Origin::Empty,
        _ => Origin::Foreign,
    })
}

/// Brings a file from `version` to [`VERSION`], one transaction for each step.
pub(super) fn migrate(connection: &Connection, version: usize) -> rusqlite::Result<()> {
    for (migration, version) in MIGRATIONS.iter().zip(1..).skip(version) {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

//! Files that an older version wrote.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{new_store, user_id};
use crate::adapters::sqlite::SqliteStore;
use crate::adapters::sqlite::schema::{APPLICATION_ID, MIGRATIONS, VERSION};
use crate::domain::contact::{Block, ContactEdge};
use crate::domain::timestamp::Timestamp;
use crate::ports::Repositories as _;

/// Makes a file as the program of that version made it, with a user in it.
fn write(path: &Path, version: usize) {
    let connection = Connection::open(path).unwrap();
    for migration in &MIGRATIONS[..version] {
        connection.execute_batch(migration).unwrap();
    }
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    let number = i32::try_from(version).unwrap();
    connection.pragma_update(None, "user_version", number).unwrap();
    let insert = "
        INSERT INTO users (id, username, display_name, display_name_folded, about, last_seen, read_receipts, password,
            created_at)
        VALUES (?1, 'ana', 'Ana', 'ana', 'Tea.', 'contacts', 0, '$argon2id$x', 7)";
    connection.execute(insert, params![user_id(1)]).unwrap();
}

/// Returns the statements that make what is in a file.
fn tables(path: &Path) -> Vec<(String, Option<String>)> {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT name, sql FROM sqlite_schema ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn a_file_of_any_older_version_is_brought_up_to_date_with_what_is_in_it() {
    let (directory, store) = new_store();
    store.close().await;
    let newest = tables(&directory.path().join("letsapp.db"));
    assert!(newest.iter().any(|(name, _)| name == "blocks"));
    for version in 1..VERSION {
        let path = directory.path().join(format!("version-{version}.db"));
        write(&path, version);
        let store = SqliteStore::open(&path).unwrap();
        let users = store.users().find(&[user_id(1)]).await.unwrap();
        assert_eq!(users[0].about.as_str(), "Tea.", "from version {version}");
        let block = Block {
            owner_id: user_id(1),
            user_id: user_id(2),
            blocked_at: Timestamp::from_millis(8),
        };
        store.contacts().block(block).await.unwrap();
        store.close().await;
        assert_eq!(tables(&path), newest, "from version {version}");

        let store = SqliteStore::open(&path).unwrap();
        let blocked = store
            .contacts()
            .blocked(&[ContactEdge::new(user_id(1), user_id(2))])
            .await;
        assert_eq!(blocked.unwrap().len(), 1, "it is migrated once");
        store.close().await;
    }
}

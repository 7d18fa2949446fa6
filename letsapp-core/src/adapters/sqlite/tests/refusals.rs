//! Files that are refused when they are opened, and the error messages.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::{append, commit, conversation, message, new_store};
use crate::adapters::sqlite::SqliteStore;
use crate::adapters::sqlite::open::OpenError;
use crate::ports::{Repositories as _, RepositoryError};

/// Opens a file that must be refused, and returns the error, whose message must be one line that names the file.
#[track_caller]
fn refusal(path: &Path) -> OpenError {
    let error = SqliteStore::open(path).expect_err("it is refused");
    let line = error.to_string();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(!line.contains('\n') && line.contains(name), "{line:?}");
    error
}

/// Creates a file with this number of messages.
async fn written(messages: u64) -> (tempfile::TempDir, std::path::PathBuf) {
    let (directory, store) = new_store();
    let id = conversation(&store, 1).await;
    let body = "word ".repeat(100);
    commit(&store, (0..messages).map(|n| append(message(id, n, &body))).collect()).await;
    store.close().await;
    let path = directory.path().join("letsapp.db");
    (directory, path)
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letsapp.db");
    let garbage = b"once upon a time ".repeat(1_000);
    fs::write(&path, &garbage).unwrap();
    assert!(matches!(refusal(&path), OpenError::Corrupt { .. }));
    assert_eq!(fs::read(&path).unwrap(), garbage);
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_refused() {
    let (_directory, path) = written(100).await;
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    assert!(matches!(refusal(&path), OpenError::Corrupt { .. }));
}

#[tokio::test]
async fn a_file_that_was_written_over_in_the_middle_is_refused() {
    let (_directory, path) = written(1_000).await;
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64 * 1024].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(refusal(&path), OpenError::Corrupt { .. }));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let (_directory, path) = written(1).await;
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 1_000).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Newer { found: 1_000, .. }));
    assert!(error.to_string().contains("newer version"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letsapp.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    assert!(matches!(refusal(&path), OpenError::Foreign { .. }));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_open_file_is_refused_under_any_path_that_leads_to_it() {
    let (directory, store) = new_store();
    let path = directory.path().join("letsapp.db");
    assert!(matches!(refusal(&path), OpenError::InUse { .. }));
    fs::create_dir(directory.path().join("beside")).unwrap();
    let detour = directory.path().join("beside").join("..").join("letsapp.db");
    assert!(matches!(refusal(&detour), OpenError::InUse { .. }));
    #[cfg(unix)]
    {
        let link = directory.path().join("letsapp.db.link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(SqliteStore::open(&link), Err(OpenError::InUse { .. })));
    }
    drop(store);
    SqliteStore::open(&path).expect("dropping the store releases the lock");
}

#[test]
fn a_place_that_cannot_be_written_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let below_a_file = directory.path().join("file").join("letsapp.db");
    assert!(matches!(refusal(&below_a_file), OpenError::Unwritable { .. }));
    let a_directory = directory.path().join("letsapp.db");
    fs::create_dir(&a_directory).unwrap();
    assert!(matches!(refusal(&a_directory), OpenError::Unwritable { .. }));
}

#[cfg(unix)]
#[test]
#[expect(clippy::print_stdout, reason = "reports that the test was skipped")]
fn a_directory_without_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let closed = directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        println!("skipped: this user may write to any directory");
        return;
    }
    assert!(matches!(
        refusal(&closed.join("letsapp.db")),
        OpenError::Unwritable { .. }
    ));
}

#[test]
fn a_missing_directory_is_made_and_the_file_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a").join("b").join("letsapp.db");
    let _store = SqliteStore::open(&path).unwrap();
    #[cfg(unix)]
    for file in ["letsapp.db", "letsapp.db-wal", "letsapp.db-shm", "letsapp.db.lock"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path.with_file_name(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_closed_store_is_unavailable_and_leaves_no_log_behind() {
    let (directory, store) = new_store();
    let id = conversation(&store, 1).await;
    store.close().await;
    store.close().await;
    assert!(matches!(store.ping().await, Err(RepositoryError::Unavailable(_))));
    let outcomes = commit(
        &store,
        vec![append(message(id, 1, "late")), append(message(id, 2, "late"))],
    )
    .await;
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        assert!(matches!(outcome, Err(RepositoryError::Unavailable(_))));
    }
    assert!(!directory.path().join("letsapp.db-wal").exists());
}

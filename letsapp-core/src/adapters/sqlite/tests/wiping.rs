//! Deleted text leaves the files of a store: the database, its write-ahead log and the index of that.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{append, commit, conversation, message, place, user_id};
use crate::adapters::sqlite::schema::{APPLICATION_ID, MIGRATIONS, WIPING};
use crate::adapters::sqlite::{SqliteOptions, SqliteStore};
use crate::domain::conversation::{Conversation, Kind};
use crate::domain::credential::PasswordHash;
use crate::domain::id::{ConversationId, Seq};
use crate::domain::member::MemberChange;
use crate::domain::message::{Content, Message, SystemEvent};
use crate::domain::role::Role;
use crate::domain::search::encode;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, DisplayName, Email, ProfilePatch, Settings, User, Username};
use crate::ports::{Change, Repositories as _, TermsChange};

/// Interval at which the log is emptied in these tests.
const WIPE_INTERVAL: Duration = Duration::from_millis(20);

fn open(directory: &TempDir) -> SqliteStore {
    let options = SqliteOptions::new().wipe_interval(WIPE_INTERVAL);
    options.open(directory.path().join("letsapp.db")).unwrap()
}

/// Returns the names of the files that contain a text, as it is or as a term of the full-text index.
fn containing(directory: &Path, text: &str) -> Vec<String> {
    let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let term = encode(&text.to_lowercase());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        // The index leaves out what a term has in common with the one before it, so its end is searched for.
        if contains(&bytes, text) || contains(&bytes, &term[term.len() / 2..]) {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names
}

/// Waits until no file contains the text, while the store is open.
async fn until_gone(directory: &TempDir, text: &str) {
    let gone = async || containing(directory.path(), text).is_empty();
    letsapp_testkit::until(Duration::from_secs(30), gone).await;
}

/// Waits until a file contains the text. It may be on its way from the log to the database, where one look misses it.
async fn until_there(directory: &TempDir, text: &str) {
    let there = async || !containing(directory.path(), text).is_empty();
    letsapp_testkit::until(Duration::from_secs(30), there).await;
}

/// Closes the store and checks that no file contains any of the texts.
async fn check_closed(directory: &TempDir, store: SqliteStore, texts: &[&str]) {
    store.close().await;
    for text in texts {
        assert_eq!(containing(directory.path(), text), [""; 0], "{text}");
    }
}

async fn stored(store: &SqliteStore, id: ConversationId, seq: u64) -> Message {
    store.messages().find(&[(id, Seq(seq))]).await.unwrap().remove(0)
}

async fn revise(store: &SqliteStore, message: Message) {
    let change = Change::Revise {
        message: Arc::new(message),
        terms: TermsChange::Replace,
        fence: Seq::ZERO,
    };
    assert!(place(&commit(store, vec![change]).await[0]).is_some());
}

fn deleted(message: Message) -> Message {
    Message {
        content: Content::Text(String::new()),
        deleted_at: Some(Timestamp::from_millis(9)),
        ..message
    }
}

#[tokio::test]
async fn a_deleted_and_an_edited_message_leave_the_files_of_an_open_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let id = conversation(&store, 1).await;
    let bodies = ["before", "Zanzibarqx1", "between", "Zanzibarqx2", "behind"];
    for (n, body) in (1..).zip(bodies) {
        commit(&store, vec![append(message(id, n, body))]).await;
    }
    until_there(&directory, "Zanzibarqx1").await;
    revise(&store, deleted(stored(&store, id, 2).await)).await;
    until_gone(&directory, "Zanzibarqx1").await;
    let edited = Message {
        content: Content::Text("Something else".to_owned()),
        ..stored(&store, id, 4).await
    };
    revise(&store, edited).await;
    until_gone(&directory, "Zanzibarqx2").await;
    until_there(&directory, "between").await;
    check_closed(&directory, store, &["Zanzibarqx1", "Zanzibarqx2"]).await;
}

#[tokio::test]
async fn the_log_of_a_store_that_was_not_closed_is_emptied_after_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let crashed = tempfile::tempdir().unwrap();
    {
        let store = SqliteStore::open(directory.path().join("letsapp.db")).unwrap();
        let id = conversation(&store, 1).await;
        commit(&store, vec![append(message(id, 1, "Zanzibarqx"))]).await;
        revise(&store, deleted(stored(&store, id, 1).await)).await;
        // A crash leaves the files as they are.
        for name in ["letsapp.db", "letsapp.db-wal"] {
            std::fs::copy(directory.path().join(name), crashed.path().join(name)).unwrap();
        }
        store.close().await;
    }
    assert_eq!(containing(crashed.path(), "Zanzibarqx"), ["letsapp.db-wal"]);
    let store = open(&crashed);
    until_gone(&crashed, "Zanzibarqx").await;
    check_closed(&crashed, store, &["Zanzibarqx"]).await;
}

#[tokio::test]
async fn a_long_read_delays_the_emptying_of_the_log_only_until_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let id = conversation(&store, 1).await;
    commit(&store, vec![append(message(id, 1, "Zanzibarqx"))]).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let database = Arc::clone(&store.database);
    let reading = tokio::spawn(async move {
        let read = move |connection: &Connection| {
            let count: i64 = connection.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))?;
            let _ = begin.send(());
            let _released = released.recv();
            Ok(count)
        };
        database.readers.read(read).await
    });
    begun.await.unwrap();
    revise(&store, deleted(stored(&store, id, 1).await)).await;
    // More transactions find the log longer than the read allows.
    for n in 2..20 {
        commit(&store, vec![append(message(id, n, "more"))]).await;
    }
    assert!(
        !containing(directory.path(), "Zanzibarqx").is_empty(),
        "the read may still ask for it"
    );
    drop(release);
    assert_eq!(reading.await.unwrap().unwrap(), 1);
    until_gone(&directory, "Zanzibarqx").await;
    store.close().await;
}

#[tokio::test]
async fn an_erased_account_leaves_no_address_and_no_profile() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let texts = [
        "zanzibar.qx@example.org",
        "Zanzibar Display",
        "Zanzibar about",
        "$argon2id$zanzibar",
    ];
    for n in 1..=40 {
        store.users().create(user(n), password(n)).await.unwrap();
    }
    let user_id = user_id(20);
    let patch = ProfilePatch {
        email: Some(Some(Email::parse(texts[0]).unwrap())),
        display_name: Some(DisplayName::parse(texts[1]).unwrap()),
        about: Some(About::parse(texts[2]).unwrap()),
        ..ProfilePatch::default()
    };
    store.users().update(user_id, patch).await.unwrap();
    let hash = PasswordHash::from_phc(texts[3]);
    store
        .users()
        .replace_password(user_id, &password(20), hash.clone())
        .await
        .unwrap();
    for text in texts {
        until_there(&directory, text).await;
    }
    assert!(
        store
            .users()
            .erase(user_id, &hash, Timestamp::from_millis(9))
            .await
            .unwrap()
    );
    for text in texts {
        until_gone(&directory, text).await;
    }
    check_closed(&directory, store, &texts).await;
}

#[tokio::test]
async fn a_purged_group_leaves_nothing_but_itself() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let id = ConversationId::from_bytes([9; 16]);
    let owner = user_id(1);
    let system = |n, event| Message {
        content: Content::System(event),
        ..message(id, n, "")
    };
    let group = Conversation {
        id,
        kind: Kind::Group,
        title: Some(Title::parse("Zanzibarqx title").unwrap()),
        about: About::default(),
        avatar_media_id: None,
        created_by: owner,
        created_at: Timestamp::from_millis(1),
        pair: None,
        fingerprint: None,
        deleted_at: None,
    };
    let create = Change::Create {
        conversation: Box::new(group.clone()),
        members: vec![MemberChange::Joined(owner, Role::Owner)],
        message: Arc::new(system(1, SystemEvent::GroupCreated { user_ids: vec![owner] })),
    };
    assert!(place(&commit(&store, vec![create]).await[0]).is_some());
    for n in 2..200 {
        let body = format!(
            "Zanzibarqx word{n} {}",
            "x".repeat(usize::try_from(n * 37 % 5_000).unwrap())
        );
        let change = Change::Append {
            message: Arc::new(message(id, n, &body)),
            fence: Seq(1),
        };
        assert!(place(&commit(&store, vec![change]).await[0]).is_some());
    }
    let delete = Change::UpdateGroup {
        conversation: Some(Box::new(group.deleted(Timestamp::from_millis(9)))),
        members: vec![MemberChange::Left(owner)],
        preceding: Vec::new(),
        message: Arc::new(system(200, SystemEvent::GroupDeleted)),
        fence: Seq(1),
    };
    assert!(place(&commit(&store, vec![delete]).await[0]).is_some());
    while !store.conversations().purge(id, 30).await.unwrap() {}
    until_gone(&directory, "Zanzibarqx").await;
    check_closed(&directory, store, &["Zanzibarqx", "word57"]).await;
}

/// Edits and deletions of many messages in random order, so that pages split, merge and overflow.
///
/// SQLite overwrites what is deleted from a page, but not the copies of live rows that stay behind in the free part of a
/// page when it rebuilds one from several. Some of these rows are deleted later. So a few in a thousand leave a trace,
/// which only a `VACUUM` removes; without wiping nearly all do.
#[tokio::test]
async fn many_messages_deleted_in_random_order_leave_hardly_any_trace() {
    const MESSAGES: u64 = 1_000;
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let id = conversation(&store, 1).await;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let body = |seq: u64, length: u64| format!("zanzibarqx{seq}a {}", "pad ".repeat(usize::try_from(length).unwrap()));
    let appends = (1..=MESSAGES)
        .map(|n| append(message(id, n, &body(n, next(300)))))
        .collect();
    assert!(
        commit(&store, appends)
            .await
            .iter()
            .all(|outcome| place(outcome).is_some())
    );
    let mut order: Vec<_> = (1..=MESSAGES).collect();
    for n in 1..order.len() {
        let other = usize::try_from(next(n as u64 + 1)).unwrap();
        order.swap(n, other);
    }
    for (n, seq) in order.into_iter().enumerate() {
        if n % 10 == 0 {
            let other = next(MESSAGES) + 1;
            let present = stored(&store, id, other).await;
            if present.deleted_at.is_none() {
                let content = Content::Text(body(other, next(300)));
                revise(&store, Message { content, ..present }).await;
            }
        }
        revise(&store, deleted(stored(&store, id, seq).await)).await;
    }
    store.close().await;
    let bytes = std::fs::read(directory.path().join("letsapp.db")).unwrap();
    let traces = bytes.windows(10).filter(|part| part == b"zanzibarqx").count();
    assert!(traces <= 10, "{traces} of {MESSAGES}");
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        2,
        "the file and its lock are left"
    );
}

#[tokio::test]
async fn text_deleted_by_an_older_version_leaves_the_file_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letsapp.db");
    let connection = Connection::open(&path).unwrap();
    for migration in &MIGRATIONS[..WIPING - 1] {
        connection.execute_batch(migration).unwrap();
    }
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    let version = i32::try_from(WIPING - 1).unwrap();
    connection.pragma_update(None, "user_version", version).unwrap();
    // Like the older version: without secure_delete, whatever this build of SQLite begins with.
    connection.pragma_update(None, "secure_delete", false).unwrap();
    let insert = "
        INSERT INTO users (id, username, display_name, display_name_folded, about, last_seen, read_receipts, password,
            created_at)
        VALUES (?1, ?2, 'Zanzibarqx', 'zanzibarqx', '', 'contacts', 0, '$argon2id$x', 7)";
    for n in 0..200_u8 {
        connection
            .execute(insert, rusqlite::params![user_id(n), format!("user{n}")])
            .unwrap();
    }
    connection.execute_batch("DELETE FROM users").unwrap();
    drop(connection);
    assert_eq!(containing(directory.path(), "Zanzibarqx"), ["letsapp.db"]);
    let store = open(&directory);
    until_gone(&directory, "Zanzibarqx").await;
    check_closed(&directory, store, &["Zanzibarqx"]).await;
}

fn user(n: u8) -> User {
    User {
        id: user_id(n),
        username: Username::parse(format!("user{n}")).unwrap(),
        display_name: DisplayName::parse(format!("User {n}")).unwrap(),
        about: About::default(),
        email: Some(Email::parse(format!("user{n}@example.org")).unwrap()),
        avatar_media_id: None,
        settings: Settings::default(),
        created_at: Timestamp::from_millis(1),
        last_seen_at: None,
        deleted_at: None,
    }
}

fn password(n: u8) -> PasswordHash {
    PasswordHash::from_phc(format!("$argon2id${n}"))
}

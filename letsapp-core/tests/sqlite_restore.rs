//! A SQLite file that was put back from an older copy, without a word to the server or its clients.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]

use std::collections::BTreeMap;
use std::path::Path;

use letsapp_core::LetsApp;
use letsapp_core::adapters::sqlite::SqliteStore;
use letsapp_core::domain::id::{Rev, Seq};
use letsapp_core::domain::user::Username;
use letsapp_core::protocol::requests::{CreateConversation, Password, Register, SendMessage};
use letsapp_core::protocol::{SyncRequest, SyncSince};

async fn open(file: &Path) -> LetsApp {
    let store = SqliteStore::open(file).unwrap();
    LetsApp::builder().store(store).build().await.unwrap()
}

#[tokio::test]
async fn a_client_that_was_ahead_is_reset_and_stays_signed_in() {
    let directory = tempfile::tempdir().unwrap();
    let (file, copy) = (directory.path().join("letsapp.db"), directory.path().join("copy.db"));
    let app = open(&file).await;
    let epoch = app.epoch();
    let ana = app.sign_up("ana", "a long password").await.unwrap();
    let register = Register::new(
        Username::parse("ben").unwrap(),
        Password::parse("a long password").unwrap(),
    );
    let first = app.auth().register(register).await.unwrap().tokens;
    let ben = app.auth().authenticate(&first.access_token).await.unwrap();
    let request = CreateConversation::Direct { user_id: ben.user_id };
    let chat = app.conversations().create(&ana, request, None).await.unwrap().0.id;
    let say = async |app: &LetsApp, words| {
        let message = SendMessage::text(words).unwrap();
        app.messages().send(&ana, chat, message, None).await.unwrap()
    };
    say(&app, "before the copy").await;
    app.shutdown().await;
    std::fs::copy(&file, &copy).unwrap();

    let app = open(&file).await;
    for words in ["lost", "lost too"] {
        say(&app, words).await;
    }
    let second = app.auth().refresh(&first.refresh_token).await.unwrap();
    let third = app.auth().refresh(&second.refresh_token).await.unwrap();
    let synced = app.conversations().sync(&ben, SyncRequest::default()).await.unwrap();
    assert_eq!(synced.positions, BTreeMap::from([(chat, Rev(3))]));
    app.shutdown().await;
    std::fs::copy(&copy, &file).unwrap();

    let app = open(&file).await;
    assert_eq!(
        app.epoch(),
        epoch,
        "a copy is not told from the file that it was made of"
    );
    let request = SyncRequest {
        conversations: synced.positions,
        since: Some(SyncSince::Mark(synced.mark)),
    };
    let answer = app.conversations().sync(&ben, request).await.unwrap();
    assert_eq!((answer.reset, answer.positions[&chat]), (vec![chat], Rev(1)));
    assert_eq!(answer.conversations[0].head.seq, Seq(1));
    let fourth = app.auth().refresh(&third.refresh_token).await.unwrap();
    assert!(app.auth().authenticate(&fourth.access_token).await.is_ok());
    assert!(
        app.auth().refresh(&first.refresh_token).await.is_err(),
        "an older token is a stolen one"
    );
    assert!(
        app.auth().refresh(&fourth.refresh_token).await.is_err(),
        "and ends the session"
    );
    app.shutdown().await;
}

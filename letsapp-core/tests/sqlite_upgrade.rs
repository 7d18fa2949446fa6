//! The application on a SQLite file that an older version wrote.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]

use std::sync::Arc;

use letsapp_core::LetsApp;
use letsapp_core::adapters::sqlite::SqliteStore;
use letsapp_core::domain::id::{ConversationId, Rev, Seq, SessionId};
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::ports::Repositories as _;
use letsapp_core::protocol::requests::UpdateConversation;

/// A file of version 3, in which the former members of a group have no departure.
const OLD_FILE: &[u8] = include_bytes!("../src/adapters/sqlite/tests/golden/version-3.db");

#[tokio::test]
async fn who_left_a_group_before_an_upgrade_sees_it_as_the_messages_up_to_leaving_tell() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letsapp.db");
    std::fs::write(&path, OLD_FILE).unwrap();
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let named = async |name: &str| {
        let found = store.users().search(name, None, 9).await.unwrap();
        Principal {
            user_id: found[0].id,
            session_id: SessionId::from_bytes([9; 16]),
        }
    };
    let (ben, cem) = (named("ben").await, named("cem").await);
    let app = LetsApp::builder().shared_store(store.clone()).build().await.unwrap();
    let group: ConversationId = "01900000-0000-7000-8000-0000000000aa".parse().unwrap();
    let request = UpdateConversation {
        title: Some(Title::parse("Without Ben").unwrap()),
        ..UpdateConversation::default()
    };
    app.conversations().update(&cem, group, request, None).await.unwrap();

    let record = async || {
        store
            .conversations()
            .members(&[(group, ben.user_id)])
            .await
            .unwrap()
            .remove(0)
    };
    assert_eq!(record().await.departure, None);
    let listed = app
        .conversations()
        .list(&ben, None, Default::default())
        .await
        .unwrap()
        .items;
    let view = listed
        .into_iter()
        .find(|conversation| conversation.id == group)
        .unwrap();
    assert_eq!(
        (view.title.as_deref(), view.about.as_str()),
        (Some("Another title"), "What it is about")
    );
    assert_eq!((view.head.seq, view.head.rev, view.member_count), (Seq(7), Rev(7), 2));
    assert_eq!(view.me.left_at, Some(Timestamp::from_millis(1_795_338_017_000)));

    let departure = record().await.departure.expect("it is stored at the first look");
    assert_eq!((departure.member_count, departure.listed), (2, true));
    app.conversations().unlist(&ben, group, None).await.unwrap();
    let listed = app
        .conversations()
        .list(&ben, None, Default::default())
        .await
        .unwrap()
        .items;
    assert!(listed.iter().all(|conversation| conversation.id != group));
    app.shutdown().await;
}

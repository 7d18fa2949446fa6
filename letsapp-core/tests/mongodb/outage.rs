//! Outages: MongoDB does not answer for a while, or the store is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use letsapp_core::domain::id::{BlobId, Seq};
use letsapp_core::domain::member::PreferencesPatch;
use letsapp_core::ports::{Outcome, Repositories, RepositoryError, Revoke};
use letsapp_testkit::mongodb::ReplicaSet;
use letsapp_testkit::until;
use tokio::task::JoinSet;

use crate::world::{addition, append, at, audit, commit_one, create_group, direct, land, open, text, user_id};

#[tokio::test(flavor = "multi_thread")]
async fn operations_fail_while_the_server_is_silent_and_succeed_when_it_answers_again() {
    let Some(mongodb) = ReplicaSet::of(1) else { return };
    let uri = mongodb.uri().unique_database_uri();
    let store = open(&uri).await;
    let id = direct(&store, 1, 2).await;
    land(&store, append(text(id, 1, "before"), Seq::ZERO)).await;

    let node = mongodb.nodes()[0];
    mongodb.pause(node);
    let meanwhile = text(id, 1, "meanwhile");
    let (messages, place) = (store.messages(), [(id, Seq(1))]);
    let (ping, read, commit) = tokio::join!(
        store.ping(),
        messages.find(&place),
        commit_one(&store, append(meanwhile.clone(), Seq::ZERO)),
    );
    assert!(matches!(ping, Err(RepositoryError::Unavailable(_))), "{ping:?}");
    assert!(matches!(read, Err(RepositoryError::Unavailable(_))), "{read:?}");
    assert!(matches!(commit, Err(RepositoryError::Unavailable(_))), "{commit:?}");

    mongodb.resume(node);
    until(Duration::from_secs(30), async || store.ping().await.is_ok()).await;
    // The resumed server may have read the command from its socket and carried it out.
    let again = commit_one(&store, append(meanwhile.clone(), Seq::ZERO)).await;
    assert!(
        matches!(again, Ok(Outcome::Committed(_) | Outcome::Duplicate(_))),
        "{again:?}"
    );
    let after = land(&store, append(text(id, 1, "after"), Seq::ZERO)).await;
    assert_eq!(after.seq, Seq(3));
    let history = audit(&store, &uri, id).await;
    assert_eq!(history[1].id, meanwhile.id);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_outlasts_a_restart_of_the_server() {
    let Some(mongodb) = ReplicaSet::of(1) else { return };
    let uri = mongodb.uri().unique_database_uri();
    let store = open(&uri).await;
    let blobs = store.blobs();
    let (id, bytes) = (BlobId::from_bytes([7; 16]), Bytes::from(vec![7; 3 << 20]));
    let chunks = stream::once(std::future::ready(Ok(bytes.clone()))).boxed();
    blobs.put(id, chunks).await.unwrap();
    let mut reading = blobs.get(id, None).await.unwrap().bytes;
    let first = reading.next().await.unwrap().unwrap();
    let killed = mongodb.kill_primary().await;
    let rest = tokio::spawn(reading.try_collect::<Vec<_>>());
    // As long as two operations take to fail.
    for _ in 0..2 {
        assert!(matches!(store.ping().await, Err(RepositoryError::Unavailable(_))));
    }
    mongodb.restart(killed).await;
    let rest = rest.await.unwrap().unwrap().concat();
    assert!([first, rest.into()].concat() == bytes);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_on_a_closed_store_fail_as_unavailable() {
    let Some(server) = letsapp_testkit::mongodb::shared() else {
        return;
    };
    let uri = server.unique_database_uri();
    let store = open(&uri).await;
    let id = direct(&store, 1, 2).await;
    land(&store, append(text(id, 1, "before"), Seq::ZERO)).await;
    store.close().await;
    let commit = commit_one(&store, append(text(id, 1, "after"), Seq::ZERO)).await;
    assert!(matches!(commit, Err(RepositoryError::Unavailable(_))), "{commit:?}");
    assert!(matches!(store.ping().await, Err(RepositoryError::Unavailable(_))));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_operations_under_way_and_not_for_ever() {
    let Some(server) = letsapp_testkit::mongodb::shared() else {
        return;
    };
    for _ in 0..5 {
        let uri = server.unique_database_uri();
        let store = Arc::new(open(&uri).await);
        let id = direct(&store, 1, 2).await;
        let group = create_group(&store, 7).await;
        let done = Arc::new(AtomicUsize::new(0));
        let mut running = JoinSet::new();
        for n in 0..16 {
            let (store, done) = (Arc::clone(&store), Arc::clone(&done));
            running.spawn(async move {
                loop {
                    let pinned = PreferencesPatch {
                        pinned: Some(true),
                        ..PreferencesPatch::default()
                    };
                    // Operations of several steps, one of them with a transaction.
                    let outcome = match n % 3 {
                        0 => match store.conversations().heads(&[group]).await {
                            Ok(heads) => {
                                let fence = heads.first().expect("the group has messages").1.fence;
                                commit_one(&store, addition(group, n, fence)).await.map(drop)
                            }
                            Err(error) => Err(error),
                        },
                        1 => store.sessions().revoke(user_id(n), Revoke::All).await.map(drop),
                        _ => {
                            let conversations = store.conversations();
                            let updated = conversations.update_preferences(id, user_id(1), pinned, at(1));
                            updated.await.map(drop)
                        }
                    };
                    match outcome {
                        Ok(()) => done.fetch_add(1, Ordering::Relaxed),
                        Err(RepositoryError::Unavailable(_)) => return,
                        Err(error) => panic!("{error:?}"),
                    };
                }
            });
        }
        until(Duration::from_secs(30), async || done.load(Ordering::Relaxed) > 100).await;
        tokio::time::timeout(Duration::from_secs(30), store.close())
            .await
            .expect("closing ends as soon as the operations do");
        running.join_all().await;
    }
}

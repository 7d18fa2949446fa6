//! Outages: MongoDB does not answer for a while, or the store is closed.

use std::time::Duration;

use letsapp_core::domain::id::Seq;
use letsapp_core::ports::{Outcome, Repositories, RepositoryError};
use letsapp_testkit::mongodb::ReplicaSet;
use letsapp_testkit::until;

use crate::world::{append, audit, commit_one, direct, land, open, text};

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

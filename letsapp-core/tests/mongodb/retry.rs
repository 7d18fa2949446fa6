//! Retries that reach another server while the first attempt is still under way.

use std::sync::Arc;
use std::time::Duration;

use letsapp_core::domain::id::Seq;
use letsapp_core::domain::message::Message;
use letsapp_core::ports::{Outcome, Repositories};
use letsapp_testkit::mongodb::{Node, ReplicaSet};
use letsapp_testkit::until;
use mongodb::bson::doc;

use crate::world::{append, audit, commit_one, direct, documents, open, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_retry_waits_for_a_first_attempt_that_no_majority_has_yet() {
    let Some(mongodb) = ReplicaSet::of(3) else { return };
    let uri = mongodb.uri().unique_database_uri();
    let here = Arc::new(open(&uri).await);
    let there = Arc::new(open(&uri).await);
    let id = direct(&here, 1, 2).await;
    let message = text(id, 1, "once");

    let primary = mongodb.await_primary().await;
    let secondaries: Vec<Node> = mongodb.nodes().into_iter().filter(|node| *node != primary).collect();
    // Without a majority the primary steps down after a second, so the secondaries are resumed before that.
    secondaries.iter().for_each(|node| mongodb.pause(*node));
    let first = tokio::spawn({
        let (here, message) = (Arc::clone(&here), message.clone());
        async move { commit_one(&here, append(message, Seq::ZERO)).await }
    });
    let stored = documents(&uri, "messages").await;
    until(Duration::from_secs(20), async || {
        stored.find_one(doc! {}).await.is_ok_and(|found| found.is_some())
    })
    .await;
    let mut second = tokio::spawn({
        // The other server dates the message by the time of the retry.
        let retry = Message {
            sent_at: message.sent_at.plus(Duration::from_millis(250)),
            ..message.clone()
        };
        let there = Arc::clone(&there);
        async move { commit_one(&there, append(retry, Seq::ZERO)).await }
    });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
    assert!(early.is_err(), "the outcome cannot be known yet: {early:?}");
    secondaries.iter().for_each(|node| mongodb.resume(*node));

    let first = first.await.expect("it does not panic");
    let second = second.await.expect("it does not panic");
    let Ok(Outcome::Committed(position)) = first else {
        panic!("{first:?}")
    };
    let Ok(Outcome::Duplicate(found)) = second else {
        panic!("{second:?}")
    };
    assert_eq!(*found, message.at(position));
    assert_eq!(audit(&there, &uri, id).await.len(), 1);
    here.close().await;
    there.close().await;
}

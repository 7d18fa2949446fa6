//! Tests of the replica sets that the crate starts.

use std::time::Duration;

use letsapp_testkit::mongodb::{ReplicaSet, shared};
use letsapp_testkit::{block_on, until};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::error::Result;
use mongodb::options::WriteConcern;

/// Time for an election, which takes a second or two, but not on a machine that is busy with a build.
const DEADLINE: Duration = Duration::from_secs(30);

async fn write(uri: String) -> Result<()> {
    let client = Client::with_uri_str(uri).await?;
    let database = client.default_database().expect("the URI names a database");
    let documents = database.collection::<Document>("documents");
    documents
        .insert_one(doc! {"n": 1})
        .write_concern(WriteConcern::majority())
        .await?;
    Ok(())
}

#[test]
fn the_shared_set_takes_majority_writes_from_a_plain_test() {
    let Some(mongodb) = shared() else { return };
    let uri = mongodb.unique_database_uri();
    block_on(write(uri)).unwrap();
}

#[tokio::test]
async fn the_shared_set_outlives_the_runtime_of_the_test_that_started_it() {
    let Some(mongodb) = shared() else { return };
    write(mongodb.unique_database_uri()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_cut_the_start_short() {
    let Some(mongodb) = shared() else { return };
    block_on(write(mongodb.unique_database_uri())).unwrap();
}

#[test]
fn all_tests_of_a_process_share_one_set() {
    let addresses = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| shared().map(ToString::to_string)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(
        addresses.iter().all(|address| *address == addresses[0]),
        "{addresses:?}"
    );
}

#[tokio::test]
async fn a_killed_primary_is_replaced_and_comes_back() {
    let Some(mongodb) = ReplicaSet::of(3) else { return };
    let uri = mongodb.uri().unique_database_uri();
    write(uri.clone()).await.unwrap();

    let killed = mongodb.kill_primary().await;
    assert_ne!(mongodb.await_primary().await, killed);
    until(DEADLINE, || async { write(uri.clone()).await.is_ok() }).await;

    mongodb.restart(killed).await;
    let mut others = mongodb.nodes().into_iter().filter(|node| *node != killed);
    mongodb.kill(others.next().unwrap());
    mongodb.await_primary().await;
    until(DEADLINE, || async { write(uri.clone()).await.is_ok() }).await;
}

#[tokio::test]
async fn a_primary_that_no_longer_answers_is_replaced() {
    let Some(mongodb) = ReplicaSet::of(3) else { return };
    let paused = mongodb.await_primary().await;
    mongodb.pause(paused);
    assert_ne!(mongodb.await_primary().await, paused);
    mongodb.resume(paused);
    assert_ne!(mongodb.await_primary().await, paused);
}

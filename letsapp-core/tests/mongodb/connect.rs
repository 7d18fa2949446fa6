//! Connecting: refused servers, addresses and databases, and the one-line errors for them.

use letsapp_core::adapters::mongodb::{ConnectError, MongoStore};
use letsapp_testkit::free_port;
use letsapp_testkit::mongodb::{Standalone, shared};
use mongodb::IndexModel;
use mongodb::bson::doc;

use crate::world::{documents, open};
use letsapp_core::ports::Repositories;

/// Connects, expects an error, and returns its text after checking that it is one line.
async fn refusal(uri: &str) -> String {
    let line = MongoStore::connect(uri)
        .await
        .expect_err("it can't be used")
        .to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_server_is_refused_with_the_commands_that_make_it_a_replica_set() {
    let Some(server) = Standalone::start() else { return };
    let line = refusal(&server.uri().unique_database_uri()).await;
    assert!(
        line.contains("mongod --replSet") && line.contains("rs.initiate()"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_is_reported_in_one_line() {
    let host = format!("127.0.0.1:{}", free_port());
    let line = refusal(&format!("mongodb://{host}/letsapp?replicaSet=letsapp")).await;
    assert!(line.contains(&host), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_valid_is_reported_in_one_line() {
    refusal("mongodb://").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_another_index_of_the_same_name_is_refused() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    open(&uri).await.close().await;
    let messages = documents(&uri, "messages").await;
    messages.drop_index("conversation_seq").await.expect("it was made");
    let other = mongodb::options::IndexOptions::builder()
        .name("conversation_seq".to_owned())
        .build();
    let other = IndexModel::builder()
        .keys(doc! {"conversation_id": 1, "seq": -1})
        .options(other)
        .build();
    messages.create_index(other).await.expect("an index can be made");
    let refused = MongoStore::connect(&uri)
        .await
        .expect_err("it would not keep the order");
    assert!(matches!(refused, ConnectError::Schema { .. }), "{refused}");
    assert!(refused.to_string().contains("conversation_seq"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_the_same_time_make_one_schema() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let stores = tokio::join!(open(&uri), open(&uri), open(&uri));
    let messages = documents(&uri, "messages").await;
    assert_eq!(messages.list_index_names().await.expect("the store is there").len(), 7);
    stores.0.close().await;
    open(&uri).await.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_refuses_documents_that_miss_required_fields() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    open(&uri).await.close().await;
    for collection in [
        "users",
        "sessions",
        "conversations",
        "members",
        "memberships",
        "messages",
        "keys",
    ] {
        let collection = documents(&uri, collection).await;
        let refused = collection.insert_one(doc! {"v": 1}).await;
        assert!(
            // 121 is MongoDB's DocumentValidationFailure.
            refused.is_err_and(|error| error.to_string().contains("121")),
            "{}",
            collection.name()
        );
    }
}

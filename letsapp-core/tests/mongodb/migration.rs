//! Documents that older programs wrote, when the store is opened on them.

use futures_util::TryStreamExt as _;
use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::domain::conversation::Conversation;
use letsapp_core::domain::id::{ConversationId, Seq};
use letsapp_core::domain::user::Adders;
use letsapp_core::ports::Repositories;
use letsapp_testkit::mongodb::shared;
use mongodb::IndexModel;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::IndexOptions;

use crate::world::{append, at, create_group, direct, documents, edit, head, land, open, text, user_id};

/// Returns the direct conversation of two users.
async fn found(store: &MongoStore, a: u64, b: u64) -> Option<ConversationId> {
    let pair = Conversation::pair_of(user_id(a), user_id(b));
    let found = store.conversations().direct(&[pair]).await;
    found.expect("the store is there").pop().map(|(_, id)| id)
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_conversations_of_older_programs_are_claimed_once_by_their_pairs() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let store = open(&uri).await;
    let (one, two) = (direct(&store, 1, 2).await, direct(&store, 3, 2).await);
    create_group(&store, 1).await;
    store.close().await;
    // An older program has no claims.
    let (pairs, finished) = (documents(&uri, "pairs").await, documents(&uri, "migrations").await);
    assert_eq!(pairs.delete_many(doc! {}).await.expect("it is there").deleted_count, 2);
    let claims = doc! {"_id": "pairs"};
    assert_eq!(
        finished.delete_many(claims).await.expect("it is there").deleted_count,
        1
    );

    let (store, another) = tokio::join!(open(&uri), open(&uri));
    for store in [&store, &another] {
        assert_eq!(found(store, 2, 1).await, Some(one));
        assert_eq!(found(store, 2, 3).await, Some(two));
        assert_eq!(found(store, 1, 3).await, None);
    }
    assert_eq!(direct(&another, 2, 1).await, one, "it is found, not made again");
    assert_eq!(pairs.count_documents(doc! {}).await.expect("it is there"), 2);
    store.close().await;
    another.close().await;

    // Finished is finished: the conversations are not read at each start.
    pairs.delete_many(doc! {}).await.expect("it is there");
    let store = open(&uri).await;
    assert_eq!(found(&store, 1, 2).await, None);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_of_older_programs_get_the_other_user_of_a_direct_conversation() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let store = open(&uri).await;
    for other in [2, 3] {
        direct(&store, 1, other).await;
    }
    create_group(&store, 1).await;
    store.close().await;
    let (memberships, finished) = (
        documents(&uri, "memberships").await,
        documents(&uri, "migrations").await,
    );
    let sorted = async || {
        let found = memberships
            .find(doc! {})
            .sort(doc! {"_id": 1})
            .await
            .expect("it is there");
        found.try_collect::<Vec<Document>>().await.expect("it is there")
    };
    let written = sorted().await;
    assert_eq!(written.len(), 5);
    assert!(written.iter().all(|membership| membership.contains_key("peer")));
    // An older program writes none.
    let unset = doc! {"$unset": {"peer": ""}};
    memberships.update_many(doc! {}, unset).await.expect("it is there");
    let peers = doc! {"_id": "peers"};
    assert_eq!(finished.delete_many(peers).await.expect("it is there").deleted_count, 1);

    let (store, another) = tokio::join!(open(&uri), open(&uri));
    let by_name = |membership: &Document| -> Vec<(String, Bson)> {
        let mut fields: Vec<_> = membership.clone().into_iter().collect();
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        fields
    };
    let migrated: Vec<_> = sorted().await.iter().map(by_name).collect();
    assert_eq!(migrated, written.iter().map(by_name).collect::<Vec<_>>());
    store.close().await;
    another.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_an_older_program_may_be_added_to_groups_by_everyone() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let store = open(&uri).await;
    let id = Bson::from(mongodb::bson::Uuid::from_bytes(*user_id(1).as_bytes()));
    let user = doc! {
        "_id": id, "v": 1, "username": "ana", "display_name": "Ana", "folded": "ana", "about": "", "password": "x",
        "settings": {"last_seen": "nobody", "read_receipts": false},
        "created_at": mongodb::bson::DateTime::from_millis(1),
    };
    documents(&uri, "users")
        .await
        .insert_one(user)
        .await
        .expect("it is valid");
    let found = store.users().find(&[user_id(1)]).await.expect("the store is there");
    assert_eq!(found[0].settings.groups, Adders::Everyone);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_of_an_older_program_has_the_time_of_its_newest_message() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let store = open(&uri).await;
    let (old, new) = (direct(&store, 1, 2).await, direct(&store, 3, 4).await);
    for id in [old, new] {
        let first = land(&store, append(text(id, 1, "first"), Seq::ZERO)).await;
        land(&store, append(text(id, 1, "second"), Seq::ZERO)).await;
        // The newest change is of another message than the newest one.
        land(&store, edit(&first, "edited", Seq::ZERO)).await;
    }
    let bytes = mongodb::bson::Uuid::from_bytes(*old.as_bytes());
    documents(&uri, "messages")
        .await
        .update_many(doc! {"conversation_id": bytes}, doc! {"$unset": {"head.sent_at": ""}})
        .await
        .expect("it is there");
    for id in [old, new] {
        assert_eq!(head(&store, id).await.sent_at, at(1));
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_that_each_receipt_wrote_is_dropped() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    open(&uri).await.close().await;
    let (memberships, finished) = (
        documents(&uri, "memberships").await,
        documents(&uri, "migrations").await,
    );
    let former = IndexModel::builder()
        .keys(doc! {"user_id": 1, "changed_at": 1})
        .options(IndexOptions::builder().name("user_changed".to_owned()).build())
        .build();
    memberships
        .create_index(former)
        .await
        .expect("there is none of this name");
    finished
        .delete_one(doc! {"_id": "user_changed"})
        .await
        .expect("it is there");

    let (one, another) = tokio::join!(open(&uri), open(&uri));
    let names = memberships.list_index_names().await.expect("the collection is there");
    assert_eq!(names, ["_id_", "user"]);
    one.close().await;
    another.close().await;
}

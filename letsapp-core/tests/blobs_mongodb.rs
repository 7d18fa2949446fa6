//! Contract of stores of bytes, on GridFS.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use letsapp_core::adapters::blobs::MemoryBlobs;
use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::contract::blobs::BlobSubject;
use letsapp_core::domain::id::BlobId;
use letsapp_core::ports::{BlobError, BlobStore};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, Uuid, doc};
use mongodb::options::IndexOptions;
use mongodb::{Client, IndexModel};

/// Database of one case, dropped at its end.
enum GridFs {
    Database(String),
    /// No MongoDB is available. The test kit prints a warning, and the cases run in memory.
    Absent(MemoryBlobs),
}

impl GridFs {
    fn new() -> Self {
        match letsapp_testkit::mongodb::shared() {
            Some(uri) => Self::Database(uri.unique_database_uri()),
            None => Self::Absent(MemoryBlobs::new()),
        }
    }
}

async fn database(uri: &str) -> mongodb::Database {
    let client = Client::with_uri_str(uri).await.expect("the address is valid");
    client.default_database().expect("the address names a database")
}

#[async_trait]
impl BlobSubject for GridFs {
    async fn open(&self) -> Arc<dyn BlobStore> {
        match self {
            Self::Database(uri) => {
                let store = MongoStore::connect(uri).await;
                store.expect("the replica set accepts connections").blobs()
            }
            Self::Absent(store) => Arc::new(store.clone()),
        }
    }

    async fn footprint(&self) -> Option<usize> {
        match self {
            Self::Database(uri) => {
                let database = database(uri).await;
                let mut documents = 0;
                for collection in ["media.files", "media.chunks"] {
                    let collection = database.collection::<Document>(collection);
                    documents += collection.count_documents(doc! {}).await.expect("it can be counted");
                }
                usize::try_from(documents).ok()
            }
            Self::Absent(store) => Some(store.len()),
        }
    }

    async fn discard(&self) {
        if let Self::Database(uri) = self {
            database(uri).await.drop().await.expect("the database can be dropped");
        }
    }
}

letsapp_core::blob_contract_suite!(gridfs, GridFs::new());

/// Inserts what an interrupted write or removal leaves, last renewed this many minutes ago, with two chunks.
async fn leave(database: &mongodb::Database, n: u8, kind: &str, minutes: i64) {
    let id = Uuid::from_bytes([n; 16]);
    let renewed_at = DateTime::from_millis(DateTime::now().timestamp_millis() - minutes * 60_000);
    let file = doc! {
        "_id": id, "v": 1, "length": 0_i64, "chunkSize": 4, "uploadDate": renewed_at, "token": ObjectId::new(),
        "pending": {"kind": kind, "renewed_at": renewed_at},
    };
    database
        .collection("media.files")
        .insert_one(file)
        .await
        .expect("the validator accepts it");
    let data = Binary {
        subtype: BinarySubtype::Generic,
        bytes: b"half".to_vec(),
    };
    let chunks = [0, 1].map(|n| doc! {"files_id": id, "v": 1, "n": n, "data": data.clone()});
    database
        .collection("media.chunks")
        .insert_many(chunks)
        .await
        .expect("the validator accepts it");
}

#[tokio::test]
async fn what_crashes_have_left_is_removed_once_it_is_old() {
    let subject = GridFs::new();
    let GridFs::Database(uri) = &subject else { return };
    let (store, database) = (subject.open().await, database(uri).await);
    leave(&database, 1, "write", 11).await;
    leave(&database, 2, "removal", 11).await;
    leave(&database, 3, "write", 5).await;
    leave(&database, 4, "removal", 5).await;
    assert_eq!(subject.footprint().await, Some(12));
    store.recover().await.unwrap();
    assert_eq!(subject.footprint().await, Some(6));
    let left = database
        .collection::<Document>("media.files")
        .distinct("_id", doc! {})
        .await
        .unwrap();
    assert_eq!(left, [3, 4].map(|n| Bson::from(Uuid::from_bytes([n; 16]))));
    // A repeated deletion goes on where an interrupted one has stopped, and lets a write be.
    for n in [3, 4] {
        let id = BlobId::from_bytes([n; 16]);
        assert!(matches!(store.get(id, None).await, Err(BlobError::NotFound)));
        store.delete(id).await.unwrap();
    }
    assert_eq!(subject.footprint().await, Some(3));
    subject.discard().await;
}

#[tokio::test]
async fn a_write_whose_claim_was_given_up_fails_and_leaves_nothing() {
    let subject = GridFs::new();
    let GridFs::Database(uri) = &subject else { return };
    let (store, database) = (subject.open().await, database(uri).await);
    let (id, files) = (
        BlobId::from_bytes([1; 16]),
        database.collection::<Document>("media.files"),
    );
    let long_ago = stream::once(async move {
        // As if the writer had been suspended for a day.
        let aged = doc! {"$set": {"pending.renewed_at": DateTime::from_millis(0)}};
        files.update_one(doc! {}, aged).await.unwrap();
        Ok(Bytes::from(vec![1; 600_000]))
    });
    let recovering = Arc::clone(&store);
    let recovered = stream::once(async move {
        recovering.recover().await.unwrap();
        Ok(Bytes::from(vec![2; 600_000]))
    });
    let outcome = store.put(id, long_ago.chain(recovered).boxed()).await;
    assert!(matches!(outcome, Err(BlobError::Unavailable(_))), "{outcome:?}");
    assert!(matches!(store.get(id, None).await, Err(BlobError::NotFound)));
    assert_eq!(subject.footprint().await, Some(0));
    subject.discard().await;
}

#[tokio::test]
async fn no_chunk_is_stored_twice() {
    let subject = GridFs::new();
    let GridFs::Database(uri) = &subject else { return };
    let (store, database) = (subject.open().await, database(uri).await);
    let chunks = database.collection::<Document>("media.chunks");
    let bytes = stream::iter([Ok(Bytes::from("whole"))]).boxed();
    store.put(BlobId::from_bytes([1; 16]), bytes).await.unwrap();
    let mut again = chunks.find_one(doc! {}).await.unwrap().expect("a chunk");
    again.remove("_id");
    let refused = chunks.insert_one(again).await.unwrap_err();
    assert!(refused.to_string().contains("files_id_1_n_1"), "{refused}");
    // An index of other keys under its name is found at the next start.
    chunks.drop_index("files_id_1_n_1").await.unwrap();
    let other = IndexOptions::builder().name("files_id_1_n_1".to_owned()).build();
    let other = IndexModel::builder().keys(doc! {"files_id": 1}).options(other).build();
    chunks.create_index(other).await.unwrap();
    assert!(MongoStore::connect(uri).await.is_err());
    subject.discard().await;
}

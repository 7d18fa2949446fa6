//! Bytes of media beside the database file.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::new_store;
use crate::adapters::sqlite::SqliteStore;
use crate::domain::id::BlobId;

#[tokio::test]
async fn blobs_lie_in_a_folder_beside_the_file() {
    let (directory, store) = new_store();
    let id = BlobId::from_bytes([1; 16]);
    let bytes = stream::iter([Ok(Bytes::from("Hello"))]).boxed();
    store.blobs().unwrap().put(id, bytes).await.unwrap();
    let folder = directory.path().join("letsapp.db-media");
    assert!(folder.join("01").join(id.to_string()).is_file());
    drop(store);
    let store = SqliteStore::open(directory.path().join("letsapp.db")).unwrap();
    assert_eq!(store.blobs().unwrap().get(id, None).await.unwrap().size, 5);
}

//! Steps of the sweeper that fail, and others that come in between.

use std::sync::Arc;
use std::time::Duration;

use super::{Bench, HOUR, chunks};
use crate::domain::id::BlobId;
use crate::engine::media::sweeper::{Sweeper, UNSENT};
use crate::ports::{BlobError, BlobStore as _, MockBlobStore};
use crate::services::MediaError;

#[tokio::test]
async fn a_file_that_cannot_be_removed_keeps_no_other_waiting() {
    let bench = Bench::new().await;
    bench.upload(&bench.ana, "a.txt", b"some words").await;
    bench.upload(&bench.ana, "b.txt", b"other words").await;
    bench.clock.advance(UNSENT);
    let mut blobs = MockBlobStore::new();
    let mut is_first = true;
    blobs.expect_delete().returning(move |_| {
        if std::mem::take(&mut is_first) {
            Err(BlobError::internal("the disk is broken"))
        } else {
            Ok(())
        }
    });
    let stores = bench.app.engine().stores.clone();
    let media = Arc::clone(&stores.media);
    let sweeper = Sweeper {
        stores,
        blobs: Arc::new(blobs),
        clock: bench.clock.clone(),
        opened: bench.opened(),
    };
    assert!(sweeper.round().await.is_err());
    let due = async |later| media.due(bench.clock_at(later), 10).await.unwrap().len();
    assert_eq!(due(Duration::ZERO).await, 0);
    assert_eq!(due(HOUR).await, 1, "it is tried again");
    bench.clock.advance(HOUR);
    sweeper.round().await.unwrap();
    assert_eq!(due(HOUR).await, 0);
}

#[tokio::test]
async fn an_upload_that_cannot_be_removed_keeps_no_other_waiting() {
    let bench = Bench::new().await;
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let id = bench.start(None, "a.txt", 10).await.unwrap().0.id;
        bench.append(id, 0, &["some"]).await.unwrap();
        uploads.push(id);
    }
    bench.clock.advance(UNSENT);
    let mut blobs = MockBlobStore::new();
    let mut is_first = true;
    blobs.expect_delete().returning(move |_| {
        if std::mem::take(&mut is_first) {
            Err(BlobError::internal("the disk is broken"))
        } else {
            Ok(())
        }
    });
    let sweeper = Sweeper {
        stores: bench.app.engine().stores.clone(),
        blobs: Arc::new(blobs),
        clock: bench.clock.clone(),
        opened: bench.opened(),
    };
    assert!(sweeper.round().await.is_err());
    let mut left = Vec::new();
    for id in &uploads {
        left.extend(bench.stored(*id).await);
    }
    let [left] = &left[..] else { panic!("{left:?}") };
    assert!(
        left.expires_at > bench.clock_at(Duration::ZERO),
        "it is tried again later"
    );
    assert!(
        matches!(bench.state(left.id).await, Err(MediaError::Ended)),
        "its parts may be gone"
    );
    let more = bench.append(left.id, 4, &[" words"]).await;
    assert!(matches!(more, Err(MediaError::Ended)), "{more:?}");
    bench.clock.advance(HOUR);
    sweeper.round().await.unwrap();
    assert_eq!(bench.stored(left.id).await, None);
}

#[tokio::test]
async fn a_part_that_arrives_while_its_upload_ends_is_known_to_somebody() {
    let bench = Bench::new().await;
    let id = bench.start(None, "a.txt", 10).await.unwrap().0.id;
    bench.append(id, 0, &["some"]).await.unwrap();
    // A server notes a part while the bytes of the others are deleted, stores it, and stops.
    let late = BlobId::from_uuid(bench.app.ids().random());
    let (repository, stored) = (bench.app.engine().stores.media.clone(), bench.blobs.clone());
    let (deleted, deletions) = std::sync::mpsc::channel();
    let mut blobs = MockBlobStore::new();
    blobs.expect_delete().returning(move |blob| {
        deleted.send(blob).unwrap();
        let noting = repository.reserve_part(id, late);
        let noted = futures_util::FutureExt::now_or_never(noting).expect("the store is in memory");
        assert!(noted.unwrap().is_some());
        Ok(())
    });
    stored.put(late, chunks(&[" words"], None)).await.unwrap();
    let sweeper = Sweeper {
        stores: bench.app.engine().stores.clone(),
        blobs: Arc::new(blobs),
        clock: bench.clock.clone(),
        opened: bench.opened(),
    };
    let upload = bench.stored(id).await.unwrap();
    sweeper.give_up(&upload).await.unwrap();
    assert!(!deletions.try_iter().any(|blob| blob == late));
    assert_eq!(bench.stored(id).await, None);
    // The mocked store has deleted nothing: the first part is not asked for here.
    for blob in upload.blobs() {
        bench.blobs.delete(blob).await.unwrap();
    }
    assert_eq!(bench.blobs.len(), 1);
    bench.after(UNSENT).await;
    assert!(bench.blobs.is_empty());
}

//! Deletion: complete, repeatable, and without wrong bytes for those who read.

use futures_util::{StreamExt as _, future};

use super::BlobTrial;
use super::fixtures::{Sample, blob_id};
use crate::ports::BlobError;

pub async fn a_deleted_blob_is_gone_and_leaves_nothing(trial: BlobTrial) {
    let kept = Sample::new(1, 10);
    trial.put(0, kept).await.unwrap();
    let before = trial.footprint().await;
    for (n, size) in [(1, 0), (2, 10), (3, 700_000)] {
        trial.put(n, Sample::new(2, size)).await.unwrap();
        trial.store.delete(blob_id(n)).await.unwrap();
        assert!(!trial.is_there(n).await);
    }
    assert_eq!(trial.footprint().await, before);
    trial.assert_holds(0, kept).await;
}

pub async fn a_deletion_may_be_repeated(trial: BlobTrial) {
    trial.store.delete(blob_id(1)).await.unwrap();
    trial.put(1, Sample::new(1, 400_000)).await.unwrap();
    for _ in 0..3 {
        trial.store.delete(blob_id(1)).await.unwrap();
        assert!(!trial.is_there(1).await);
    }
}

pub async fn a_blob_deleted_while_it_is_read_ends_rightly_or_in_an_error(trial: BlobTrial) {
    let sample = Sample::new(1, 20 << 20);
    trial.put(1, sample).await.unwrap();
    let mut readers = Vec::new();
    for begun in [false, true] {
        let mut bytes = trial.store.get(blob_id(1), None).await.unwrap().bytes;
        let first = if begun { bytes.next().await } else { None };
        readers.push((bytes, first.transpose().unwrap().unwrap_or_default()));
    }
    trial.store.delete(blob_id(1)).await.unwrap();
    for (mut bytes, first) in readers {
        let mut at = first.len() as u64;
        assert!(first == sample.bytes(0..at));
        let ended = loop {
            match bytes.next().await {
                Some(Ok(chunk)) => {
                    let end = at + chunk.len() as u64;
                    assert!(chunk == sample.bytes(at..end), "other bytes at {at}..{end}");
                    at = end;
                }
                Some(Err(error)) => break Err(error),
                None => break Ok(()),
            }
        };
        assert!(
            ended.is_err() || at == sample.size,
            "the end came at {at} without an error"
        );
    }
    assert!(!trial.is_there(1).await);
}

pub async fn concurrent_deletions_remove_the_blob_once(trial: BlobTrial) {
    let another = trial.subject.open().await;
    let before = trial.footprint().await;
    for n in 0..10 {
        trial.put(n, Sample::new(1, 300_000)).await.unwrap();
        let deletions = (0..6).map(|turn| {
            let store = if turn % 2 == 0 { &trial.store } else { &another };
            store.delete(blob_id(n))
        });
        for outcome in future::join_all(deletions).await {
            outcome.unwrap();
        }
        assert!(matches!(trial.read(n, None).await, Err(BlobError::NotFound)));
    }
    assert_eq!(trial.footprint().await, before);
}

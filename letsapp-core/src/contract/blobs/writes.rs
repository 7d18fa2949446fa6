//! Writing: complete, durable, and never over another blob.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
use tokio::sync::oneshot;

use super::BlobTrial;
use super::fixtures::{Sample, assert_holds, blob_id};
use crate::ports::BlobError;

pub async fn a_blob_is_read_as_it_was_written(trial: BlobTrial) {
    // Around the sizes of parts of all stores.
    let sizes = [
        1,
        65_535,
        65_536,
        65_537,
        261_119,
        261_120,
        261_121,
        1 << 20,
        5 << 20,
        (5 << 20) + 1,
    ];
    for (n, size) in (0..).zip(sizes) {
        let sample = Sample::new(7, size);
        assert_eq!(trial.put(n, sample).await.unwrap(), size);
        trial.assert_holds(n, sample).await;
    }
}

pub async fn an_empty_blob_is_a_blob(trial: BlobTrial) {
    let empty = Sample::new(1, 0);
    assert_eq!(trial.put(1, empty).await.unwrap(), 0);
    trial.assert_holds(1, empty).await;
    assert_eq!(trial.read(1, Some(0..0)).await.unwrap(), "");
    assert!(matches!(trial.put(1, empty).await, Err(BlobError::Exists)));
    assert!(matches!(
        trial.read(1, Some(0..1)).await,
        Err(BlobError::OutOfRange { size: 0 })
    ));
}

pub async fn a_blob_survives_a_restart(mut trial: BlobTrial) {
    let sample = Sample::new(1, 700_000);
    trial.put(1, sample).await.unwrap();
    trial.store = trial.subject.open().await;
    trial.assert_holds(1, sample).await;
    assert!(matches!(trial.put(1, sample).await, Err(BlobError::Exists)));
}

pub async fn a_blob_is_seen_by_every_instance_at_once(trial: BlobTrial) {
    let another = trial.subject.open().await;
    for n in 0..20 {
        let sample = Sample::new(1, n * 1000);
        trial.put(n, sample).await.unwrap();
        assert_holds(&*another, n, sample).await;
        another.delete(blob_id(n)).await.unwrap();
        assert!(!trial.is_there(n).await);
    }
}

pub async fn a_blob_is_not_overwritten(trial: BlobTrial) {
    for (n, size) in [(1, 10), (2, 300_000), (3, 6 << 20)] {
        let (first, second) = (Sample::new(1, size), Sample::new(2, size));
        trial.put(n, first).await.unwrap();
        assert!(matches!(trial.put(n, second).await, Err(BlobError::Exists)));
        assert!(matches!(trial.put(n, Sample::new(2, 0)).await, Err(BlobError::Exists)));
        trial.assert_holds(n, first).await;
    }
}

pub async fn of_concurrent_writes_of_one_id_exactly_one_wins(trial: BlobTrial) {
    let another = trial.subject.open().await;
    for (n, size) in [(1, 0), (2, 10), (3, 300_000), (4, 600_000)] {
        let samples: Vec<_> = (0..6).map(|seed| Sample::new(seed, size + u64::from(seed))).collect();
        let writes = samples.iter().map(|sample| {
            let store = if sample.size % 2 == 0 { &trial.store } else { &another };
            store.put(blob_id(n), sample.stream(50_000))
        });
        let outcomes = future::join_all(writes).await;
        let won: Vec<_> = outcomes
            .iter()
            .zip(&samples)
            .filter(|(outcome, _)| outcome.is_ok())
            .collect();
        assert_eq!(won.len(), 1, "{outcomes:?}");
        let lost = |outcome: &&Result<u64, BlobError>| matches!(outcome, Err(BlobError::Exists));
        assert_eq!(outcomes.iter().filter(lost).count(), samples.len() - 1, "{outcomes:?}");
        trial.assert_holds(n, *won[0].1).await;
    }
}

pub async fn a_blob_is_not_visible_before_it_is_complete(trial: BlobTrial) {
    let sample = Sample::new(1, 6 << 20);
    let (go_on, wait) = oneshot::channel();
    let half = sample.size / 2;
    let rest = stream::once(async move {
        wait.await.unwrap();
        Ok(sample.bytes(half..sample.size))
    });
    let (reached, at_half) = oneshot::channel();
    let first = stream::once(async move { Ok(sample.bytes(0..half)) });
    let signal = stream::once(async move {
        reached.send(()).unwrap();
        Ok(bytes::Bytes::new())
    });
    let store = Arc::clone(&trial.store);
    let write = tokio::spawn(async move { store.put(blob_id(1), first.chain(signal).chain(rest).boxed()).await });
    at_half.await.unwrap();
    assert!(!trial.is_there(1).await);
    assert!(matches!(trial.read(1, Some(0..1)).await, Err(BlobError::NotFound)));
    go_on.send(()).unwrap();
    assert_eq!(write.await.unwrap().unwrap(), sample.size);
    trial.assert_holds(1, sample).await;
}

pub async fn a_large_blob_is_streamed_in_both_directions(trial: BlobTrial) {
    let sample = Sample::new(1, 64 << 20);
    assert_eq!(trial.put(1, sample).await.unwrap(), sample.size);
    trial.assert_holds(1, sample).await;
}

pub async fn chunks_are_taken_no_faster_than_they_are_stored(trial: BlobTrial) {
    // Every chunk is counted while it is in memory, and given back before the next fifteen are taken: a store that
    // collected the chunks of a blob, or took them ahead, would hold more of them. Smaller than any part of a store, so
    // that the store in memory copies them too.
    let sample = Sample::new(1, 32 << 20);
    let (alive, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counted = {
        let (alive, most) = (Arc::clone(&alive), Arc::clone(&most));
        sample.stream(60_000).map_ok(move |chunk| {
            most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            bytes::Bytes::from_owner(Counted {
                chunk,
                alive: Arc::clone(&alive),
            })
        })
    };
    trial.store.put(blob_id(1), counted.boxed()).await.unwrap();
    assert!(
        most.load(Ordering::SeqCst) <= 16,
        "{} chunks at once",
        most.load(Ordering::SeqCst)
    );
    trial.assert_holds(1, sample).await;
}

/// A chunk that is counted until it is dropped.
struct Counted {
    chunk: bytes::Bytes,
    alive: Arc<AtomicU64>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.chunk
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

pub async fn thousands_of_small_blobs_are_kept_apart(trial: BlobTrial) {
    const BLOBS: u64 = 2000;
    let sample = |n: u64| Sample::new(u32::try_from(n).unwrap(), n % 300);
    let write = |n| {
        let trial = &trial;
        async move { trial.put(n, sample(n)).await.unwrap() }
    };
    stream::iter(0..BLOBS)
        .map(write)
        .buffer_unordered(32)
        .collect::<Vec<_>>()
        .await;
    let check = |n| {
        let trial = &trial;
        async move { trial.assert_holds(n, sample(n)).await }
    };
    stream::iter(0..BLOBS)
        .map(check)
        .buffer_unordered(32)
        .collect::<Vec<_>>()
        .await;
}

//! Writes that end early: nothing of them stays.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::BlobTrial;
use super::fixtures::{Sample, blob_id, eventually};
use crate::ports::{BlobError, ByteStream};

/// A sample of more than one part in every store.
const SAMPLE: Sample = Sample::new(1, 12 << 20);

/// Returns the beginning of the sample, followed by an error.
fn broken(end: u64) -> ByteStream {
    let beginning = Sample { size: end, ..SAMPLE };
    beginning
        .stream(100_000)
        .chain(stream::iter([Err("the sender is gone".into())]))
        .boxed()
}

pub async fn a_stream_that_fails_leaves_nothing(trial: BlobTrial) {
    let before = trial.footprint().await;
    for (n, end) in [(1, 100), (2, 400_000), (3, 11 << 20)] {
        match trial.store.put(blob_id(n), broken(end)).await {
            Err(BlobError::Interrupted(cause)) => assert_eq!(cause.to_string(), "the sender is gone"),
            other => panic!("{other:?}"),
        }
        assert!(!trial.is_there(n).await);
        assert_eq!(trial.footprint().await, before);
        // Nor does it keep the id.
        trial.put(n, Sample::new(2, 10)).await.unwrap();
        trial.store.delete(blob_id(n)).await.unwrap();
    }
}

pub async fn a_stream_that_fails_at_once_leaves_nothing(trial: BlobTrial) {
    let before = trial.footprint().await;
    assert!(matches!(
        trial.store.put(blob_id(1), broken(0)).await,
        Err(BlobError::Interrupted(_))
    ));
    assert!(!trial.is_there(1).await);
    assert_eq!(trial.footprint().await, before);
}

pub async fn a_write_that_is_dropped_leaves_nothing(trial: BlobTrial) {
    let before = trial.footprint().await;
    for (n, end) in [(1, 100), (2, 400_000), (3, 11 << 20)] {
        let (reached, mut at_end) = mpsc::channel(1);
        let signal = stream::once(async move {
            reached.send(()).await.unwrap();
            Ok(Bytes::new())
        });
        let beginning = Sample { size: end, ..SAMPLE }.stream(100_000);
        let bytes = beginning.chain(signal).chain(stream::pending()).boxed();
        tokio::select! {
            outcome = trial.store.put(blob_id(n), bytes) => panic!("{outcome:?}"),
            _ = at_end.recv() => {}
        }
        trial.until_footprint_is(before).await;
        assert!(!trial.is_there(n).await);
        // Nor does it keep the id.
        eventually("the id to be free", async || {
            trial.put(n, Sample::new(2, 10)).await.is_ok()
        })
        .await;
        trial.store.delete(blob_id(n)).await.unwrap();
    }
}

pub async fn writes_dropped_at_any_moment_leave_nothing_or_the_whole(trial: BlobTrial) {
    let before = trial.footprint().await;
    let sample = Sample::new(3, 600_000);
    let mut finished = 0;
    for n in 0..60 {
        let mut write = Box::pin(trial.store.put(blob_id(n), sample.stream(50_000)));
        // Every poll is a moment at which the future can be dropped.
        let mut polls = 0;
        let outcome = std::future::poll_fn(|context| {
            let polled = write.as_mut().poll(context);
            polls += 1;
            if polled.is_ready() || polls > n {
                return std::task::Poll::Ready(polled);
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        drop(write);
        if let std::task::Poll::Ready(size) = outcome {
            assert_eq!(size.unwrap(), sample.size);
            trial.assert_holds(n, sample).await;
            trial.store.delete(blob_id(n)).await.unwrap();
            finished += 1;
        }
    }
    trial.until_footprint_is(before).await;
    for n in 0..60 {
        eventually("the blob to be gone", async || !trial.is_there(n).await).await;
    }
    assert!(finished < 60, "no write was dropped");
}

pub async fn a_write_that_is_refused_leaves_nothing(trial: BlobTrial) {
    let kept = Sample::new(1, 500_000);
    trial.put(1, kept).await.unwrap();
    let before = trial.footprint().await;
    for size in [0, 100, 400_000, 11 << 20] {
        assert!(matches!(
            trial.put(1, Sample::new(2, size)).await,
            Err(BlobError::Exists)
        ));
        assert_eq!(trial.footprint().await, before);
    }
    trial.assert_holds(1, kept).await;
}

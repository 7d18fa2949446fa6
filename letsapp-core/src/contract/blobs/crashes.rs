//! Crashes: a program that ends without carrying anything to its end.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::oneshot;

use super::BlobTrial;
use super::fixtures::{Sample, blob_id};
use crate::ports::BlobError;

pub async fn a_crash_during_a_write_leaves_no_half_blob(mut trial: BlobTrial) {
    let kept = Sample::new(1, 300_000);
    trial.put(0, kept).await.unwrap();
    for (n, size) in [(1, 100), (2, 400_000), (3, 11 << 20)] {
        let subject = Arc::clone(&trial.subject);
        // All tasks of a runtime that is shut down end where they are, and nothing of them goes on.
        let crash = move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let store = subject.open().await;
                let (reached, at_end) = oneshot::channel();
                let signal = stream::once(async move {
                    reached.send(()).unwrap();
                    Ok(Bytes::new())
                });
                let bytes = Sample::new(2, size)
                    .stream(100_000)
                    .chain(signal)
                    .chain(stream::pending());
                let write = async move { store.put(blob_id(n), bytes.boxed()).await };
                let write = tokio::spawn(write);
                at_end.await.unwrap();
                assert!(!write.is_finished());
            });
            runtime.shutdown_background();
        };
        tokio::task::spawn_blocking(crash).await.unwrap();
        trial.store = trial.subject.open().await;
        trial.store.recover().await.unwrap();
        assert!(matches!(trial.read(n, None).await, Err(BlobError::NotFound)));
        trial.assert_holds(0, kept).await;
    }
}

pub async fn recovering_leaves_blobs_and_writes_alone(trial: BlobTrial) {
    let (kept, written) = (Sample::new(1, 300_000), Sample::new(2, 11 << 20));
    trial.put(1, kept).await.unwrap();
    let another = trial.subject.open().await;
    let (reached, at_half) = oneshot::channel();
    let (go_on, wait) = oneshot::channel();
    let half = written.size / 2;
    let pause = stream::once(async move {
        reached.send(()).unwrap();
        wait.await.unwrap();
        Ok(written.bytes(half..written.size))
    });
    let beginning = Sample { size: half, ..written }.stream(100_000);
    let store = Arc::clone(&trial.store);
    let write = tokio::spawn(async move { store.put(blob_id(2), beginning.chain(pause).boxed()).await });
    at_half.await.unwrap();
    trial.store.recover().await.unwrap();
    another.recover().await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(write.await.unwrap().unwrap(), written.size);
    trial.assert_holds(1, kept).await;
    trial.assert_holds(2, written).await;
}

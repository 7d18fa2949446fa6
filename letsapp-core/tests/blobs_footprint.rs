//! Memory that writes and reads of large blobs take: a test program of its own, since others would use memory too.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "the figures of a run belong in the log")]

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
use letsapp_core::adapters::blobs::FileBlobs;
use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::domain::id::BlobId;
use letsapp_core::ports::BlobStore;

/// Number of blobs that are written, and then read, at once.
const AT_ONCE: u8 = 8;
/// Tests of one process run at once; the memory is the process's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn large_blobs_in_files_take_little_memory() {
    let directory = tempfile::tempdir().unwrap();
    let open = async || Arc::new(FileBlobs::open(directory.path()).unwrap()) as Arc<dyn BlobStore>;
    measure("files", 64 << 20, 16 << 10, open);
}

#[test]
fn large_blobs_in_gridfs_take_little_memory() {
    let Some(uri) = letsapp_testkit::mongodb::shared() else {
        return;
    };
    let uri = uri.unique_database_uri();
    // A chunk is in memory several times: as it came, in the command, and on its way to the connection.
    measure("GridFS", 16 << 20, 24 << 10, async || {
        MongoStore::connect(&uri).await.unwrap().blobs()
    });
}

/// Writes and reads blobs of this many bytes, and asserts that the process has grown by less than the limit in KiB.
fn measure(name: &str, size: usize, limit: u64, open: impl AsyncFnOnce() -> Arc<dyn BlobStore>) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the system has threads to spare");
    runtime.block_on(async {
        let store = open().await;
        // Threads and connections are there already on a server.
        write_and_read(&*store, 0, 2 << 20).await;
        fs::write("/proc/self/clear_refs", "5").expect("a process may reset its own peak");
        let before = kib("VmRSS:");
        write_and_read(&*store, AT_ONCE, size).await;
        let grown = kib("VmHWM:").saturating_sub(before);
        println!("{name}: {AT_ONCE} blobs of {} MiB at once: {grown} KiB", size >> 20);
        assert!(grown < limit, "{grown} KiB");
    });
}

async fn write_and_read(store: &dyn BlobStore, first: u8, size: usize) {
    const CHUNK: usize = 64 * 1024;
    let ids = (first..first + AT_ONCE).map(|n| BlobId::from_bytes([n; 16]));
    let writes = ids.clone().map(|id| {
        // Made anew for each chunk, as they come from a network.
        let chunks = stream::iter(0..size / CHUNK).map(|n| Ok(Bytes::from(vec![n as u8; CHUNK])));
        store.put(id, chunks.boxed())
    });
    for written in future::join_all(writes).await {
        assert_eq!(written.expect("the blob is stored"), size as u64);
    }
    let reads = ids.map(|id| async move {
        let bytes = store.get(id, None).await.expect("the blob is there").bytes;
        bytes
            .try_fold(0, |sum, chunk| async move { Ok(sum + chunk.len()) })
            .await
            .expect("the blob is whole")
    });
    assert!(future::join_all(reads).await.iter().all(|read| *read == size));
}

/// Returns a figure of the process in KiB.
fn kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel tells it");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .expect("the kernel tells it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

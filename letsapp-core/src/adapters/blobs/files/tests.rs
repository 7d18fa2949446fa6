//! Tests of the folder's layout, and of what a crash leaves there.

use std::fs;
use std::path::Path as FilePath;

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use super::*;

fn id(n: u8) -> BlobId {
    BlobId::from_bytes([n; 16])
}

fn bytes(text: &'static str) -> ByteStream {
    stream::iter([Ok(Bytes::from(text))]).boxed()
}

/// Returns the paths of all files below a folder, relative to it, without those of sessions that are open.
fn files(root: &FilePath) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    found.retain(|path| !path.ends_with(".lock"));
    found.sort();
    found
}

#[tokio::test]
async fn blobs_are_spread_over_folders_by_their_ids() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileBlobs::open(directory.path().join("media")).unwrap();
    store.put(id(0x0a), bytes("ten")).await.unwrap();
    store.put(id(0xff), bytes("max")).await.unwrap();
    let expected = [
        "0a/0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a",
        "ff/ffffffff-ffff-ffff-ffff-ffffffffffff",
    ];
    assert_eq!(files(store.folder()), expected, "and nothing is left of the writing");
    store.delete(id(0x0a)).await.unwrap();
    assert_eq!(files(store.folder()), expected[1..]);
}

#[tokio::test]
async fn sessions_that_ended_in_a_crash_are_removed_and_open_ones_stay() {
    let directory = tempfile::tempdir().unwrap();
    let first = FileBlobs::open(directory.path()).unwrap();
    first.put(id(1), bytes("kept")).await.unwrap();
    let mut writing = Box::pin(first.put(id(2), bytes("half").chain(stream::pending()).boxed()));
    assert!((&mut writing).now_or_never().is_none());
    while files(directory.path()).len() < 2 {
        tokio::task::yield_now().await;
    }
    let crashed = directory.path().join("incoming/crashed");
    fs::create_dir(&crashed).unwrap();
    fs::write(crashed.join("7#1"), "half").unwrap();
    fs::write(directory.path().join("incoming/crashed.lock"), "").unwrap();

    let second = FileBlobs::open(directory.path()).unwrap();
    assert!(!crashed.exists());
    assert!(!directory.path().join("incoming/crashed.lock").exists());
    assert_eq!(files(directory.path()).len(), 2, "the write under way goes on");
    second.recover().await.unwrap();
    assert_eq!(files(directory.path()).len(), 2);
    let kept = second.get(id(1), None).await.unwrap();
    assert_eq!(kept.bytes.try_collect::<Vec<_>>().await.unwrap().concat(), b"kept");
}

#[tokio::test]
async fn a_file_that_was_cut_short_ends_in_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileBlobs::open(directory.path()).unwrap();
    store.put(id(1), bytes("whole")).await.unwrap();
    let read = store.get(id(1), None).await.unwrap();
    let path = directory.path().join(files(directory.path()).remove(0));
    fs::write(path, "who").unwrap();
    assert!(read.bytes.try_collect::<Vec<_>>().await.is_err());
}

#[cfg(unix)]
#[test]
fn a_new_folder_is_readable_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let store = FileBlobs::open(directory.path().join("media")).unwrap();
    let mode = fs::metadata(store.folder()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let Err(BlobError::Internal(cause)) = FileBlobs::open(directory.path().join("file/media")) else {
        panic!("a file is no folder");
    };
    assert!(cause.to_string().contains("file/media"), "{cause}");
}

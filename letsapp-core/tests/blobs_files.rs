//! Contract of stores of bytes, in files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use letsapp_core::adapters::blobs::FileBlobs;
use letsapp_core::contract::blobs::BlobSubject;
use letsapp_core::ports::BlobStore;
use tempfile::TempDir;

/// Folder of one case, removed at its end.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("the system has a place for temporary files"))
    }
}

#[async_trait]
impl BlobSubject for Files {
    async fn open(&self) -> Arc<dyn BlobStore> {
        Arc::new(FileBlobs::open(self.0.path().join("media")).expect("a new folder can be opened"))
    }

    async fn footprint(&self) -> Option<usize> {
        Some(files(self.0.path()))
    }
}

/// Returns the number of files below a folder. Those that are removed meanwhile don't count, nor do locks.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path()),
            Ok(_) => usize::from(entry.path().extension().is_none_or(|extension| extension != "lock")),
            Err(_) => 0,
        })
        .sum()
}

letsapp_core::blob_contract_suite!(files, Files::new());

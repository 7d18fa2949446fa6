//! Tests of the suite itself.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::suite::NAMES;
use super::{Decorated, Subject};
use crate::adapters::memory::MemoryStore;
use crate::ports::Repositories;

#[test]
fn every_case_that_is_written_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/contract");
    for (file, listed) in NAMES {
        let source = fs::read_to_string(folder.join(format!("{file}.rs"))).expect("each list is named after its file");
        let written = source.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("pub async fn ")?.split_once('(')?;
            Some(name)
        });
        assert_eq!(written.collect::<Vec<_>>(), *listed, "the cases of {file}.rs, in order");
    }
}

#[tokio::test]
async fn every_store_that_is_opened_is_decorated() {
    let decorated = AtomicUsize::new(0);
    let subject = Decorated::new(Twofold(MemoryStore::new()), |store| {
        decorated.fetch_add(1, Ordering::Relaxed);
        store
    });
    subject.open().await.ping().await.unwrap();
    assert!(subject.open_another().await.is_some());
    assert_eq!(decorated.load(Ordering::Relaxed), 2);
}

/// A subject in memory that can be open twice.
struct Twofold(MemoryStore);

#[async_trait]
impl Subject for Twofold {
    async fn open(&self) -> Arc<dyn Repositories> {
        Arc::new(self.0.another())
    }

    async fn open_another(&self) -> Option<Arc<dyn Repositories>> {
        Some(self.open().await)
    }
}

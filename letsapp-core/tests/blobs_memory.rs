//! Contract of stores of bytes, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use letsapp_core::adapters::blobs::MemoryBlobs;
use letsapp_core::contract::blobs::BlobSubject;
use letsapp_core::ports::BlobStore;

/// Blobs in memory, shared by all instances.
#[derive(Default)]
struct Memory(MemoryBlobs);

#[async_trait]
impl BlobSubject for Memory {
    async fn open(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.0.clone())
    }

    async fn footprint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

letsapp_core::blob_contract_suite!(memory, Memory::default());

//! The contract suite on the in-memory store.

use std::sync::Arc;

use async_trait::async_trait;
use letsapp_core::adapters::memory::MemoryStore;
use letsapp_core::contract::Subject;
use letsapp_core::ports::Repositories;

/// A subject in memory. An instance that is never closed keeps the data.
#[derive(Default)]
struct Memory(MemoryStore);

#[async_trait]
impl Subject for Memory {
    async fn open(&self) -> Arc<dyn Repositories> {
        Arc::new(self.0.another())
    }

    async fn open_another(&self) -> Option<Arc<dyn Repositories>> {
        Some(self.open().await)
    }
}

letsapp_core::contract_suite!(memory, Memory::default());

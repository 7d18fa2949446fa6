//! The server's own keys in memory.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::gate::{Gate, lock};
use crate::domain::key::{Key, KeyPurpose};
use crate::ports::{KeyRepository, RepositoryError};

pub(super) type Shared = Arc<Mutex<HashMap<KeyPurpose, Vec<Key>>>>;

#[derive(Debug)]
pub(super) struct MemoryKeys {
    pub(super) gate: Gate,
    pub(super) table: Shared,
}

#[async_trait]
impl KeyRepository for MemoryKeys {
    async fn keys(&self, purpose: KeyPurpose, candidate: Key) -> Result<Vec<Key>, RepositoryError> {
        self.gate.pass()?;
        let mut table = lock(&self.table);
        let stored = table.entry(purpose).or_insert_with(|| vec![candidate]);
        let mut keys = stored.clone();
        keys.sort_by_key(|key| Reverse(key.created_at));
        Ok(keys)
    }
}

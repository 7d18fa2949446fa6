//! The description of the store in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::gate::{Gate, lock};
use crate::domain::id::Epoch;
use crate::domain::meta::Meta;
use crate::domain::search::ANALYSIS_VERSION;
use crate::ports::{MetaRepository, RepositoryError};

pub(super) type Shared = Arc<Mutex<Option<Epoch>>>;

/// Version of the tables. Nothing outlives the program, so there never is another one.
const SCHEMA: u32 = 1;

#[derive(Debug)]
pub(super) struct MemoryMeta {
    pub(super) gate: Gate,
    pub(super) epoch: Shared,
}

#[async_trait]
impl MetaRepository for MemoryMeta {
    async fn meta(&self, candidate: Epoch) -> Result<Meta, RepositoryError> {
        self.gate.pass()?;
        Ok(meta(*lock(&self.epoch).get_or_insert(candidate)))
    }

    async fn renew_epoch(&self, to: Epoch) -> Result<Meta, RepositoryError> {
        self.gate.pass()?;
        Ok(meta(*lock(&self.epoch).insert(to)))
    }
}

const fn meta(epoch: Epoch) -> Meta {
    Meta {
        epoch,
        schema: SCHEMA,
        analysis: ANALYSIS_VERSION,
    }
}

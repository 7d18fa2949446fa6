//! The contract suite on SQLite files.

use std::sync::Arc;

use async_trait::async_trait;
use letsapp_core::adapters::sqlite::SqliteStore;
use letsapp_core::contract::Subject;
use letsapp_core::ports::Repositories;
use tempfile::TempDir;

/// A subject with a file in a temporary directory, which is removed after the case.
struct Sqlite(TempDir);

impl Sqlite {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory can be created"))
    }
}

#[async_trait]
impl Subject for Sqlite {
    async fn open(&self) -> Arc<dyn Repositories> {
        Arc::new(SqliteStore::open(self.0.path().join("letsapp.db")).expect("a new file can be opened"))
    }
}

letsapp_core::contract_suite!(sqlite, Sqlite::new());

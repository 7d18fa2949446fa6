//! Contract suite on a MongoDB replica set, with a separate database for each case.

use std::sync::Arc;

use async_trait::async_trait;
use letsapp_core::adapters::memory::MemoryStore;
use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::contract::Subject;
use letsapp_core::ports::Repositories;
use mongodb::Client;

/// Database of one case, dropped at its end.
enum Mongo {
    Database(String),
    /// No MongoDB is available. The test kit prints a warning, and the cases run on the in-memory store.
    Absent(MemoryStore),
}

impl Mongo {
    fn new() -> Self {
        match letsapp_testkit::mongodb::shared() {
            Some(uri) => Self::Database(uri.unique_database_uri()),
            None => Self::Absent(MemoryStore::new()),
        }
    }
}

#[async_trait]
impl Subject for Mongo {
    async fn open(&self) -> Arc<dyn Repositories> {
        match self {
            Self::Database(uri) => Arc::new(
                MongoStore::connect(uri)
                    .await
                    .expect("the replica set accepts connections"),
            ),
            Self::Absent(store) => Arc::new(store.another()),
        }
    }

    async fn open_another(&self) -> Option<Arc<dyn Repositories>> {
        Some(self.open().await)
    }

    async fn discard(&self) {
        if let Self::Database(uri) = self {
            let client = Client::with_uri_str(uri).await.expect("the address is valid");
            let database = client.default_database().expect("the address names a database");
            database.drop().await.expect("the database can be dropped");
        }
    }
}

letsapp_core::contract_suite!(mongodb_store, Mongo::new());

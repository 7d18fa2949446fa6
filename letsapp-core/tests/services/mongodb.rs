//! The service tests that depend on the store: several servers on one MongoDB database. All others run in memory, since
//! the contract suite holds every store to the same promises. Without MongoDB, of which the test kit warns, these run in
//! memory too.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]
#![allow(dead_code, reason = "the fixture serves the tests that run in memory too")]

mod deletion;
mod groups;
mod two_servers;
mod world;

use letsapp_core::LetsAppBuilder;
use letsapp_core::adapters::memory::MemoryStore;
use letsapp_core::adapters::mongodb::MongoStore;

/// Sets a store on a new database.
async fn store(builder: LetsAppBuilder) -> LetsAppBuilder {
    match letsapp_testkit::mongodb::shared() {
        Some(uri) => builder.store(MongoStore::connect(&uri.unique_database_uri()).await.unwrap()),
        None => builder,
    }
}

/// Sets stores on one new database for two applications, which act as two servers.
async fn shared(here: LetsAppBuilder, there: LetsAppBuilder) -> (LetsAppBuilder, LetsAppBuilder) {
    match letsapp_testkit::mongodb::shared() {
        Some(server) => {
            let uri = server.unique_database_uri();
            let connect = async || MongoStore::connect(&uri).await.unwrap();
            (here.store(connect().await), there.store(connect().await))
        }
        None => {
            let store = MemoryStore::new();
            let another = store.another();
            (here.store(store), there.store(another))
        }
    }
}

//! The service tests on MongoDB. Without MongoDB, of which the test kit warns, they run in memory.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]

mod accounts;
mod contacts;
mod conversations;
mod deletion;
mod erasure;
mod events;
mod groups;
mod messages;
mod presence;
mod search;
mod sync;
mod visibility;
mod world;

use letsapp_core::LetsAppBuilder;
use letsapp_core::adapters::mongodb::MongoStore;

/// Sets a store on a new database.
async fn store(builder: LetsAppBuilder) -> (LetsAppBuilder, world::Kept) {
    match letsapp_testkit::mongodb::shared() {
        Some(uri) => {
            let store = MongoStore::connect(&uri.unique_database_uri()).await.unwrap();
            (builder.store(store), Box::new(()))
        }
        None => (builder, Box::new(())),
    }
}

/// Sets stores on one new database for two applications, which act as two servers.
async fn shared(here: LetsAppBuilder, there: LetsAppBuilder) -> (LetsAppBuilder, Option<LetsAppBuilder>, world::Kept) {
    match letsapp_testkit::mongodb::shared() {
        Some(server) => {
            let uri = server.unique_database_uri();
            let connect = async || MongoStore::connect(&uri).await.unwrap();
            (
                here.store(connect().await),
                Some(there.store(connect().await)),
                Box::new(()),
            )
        }
        None => (here, None, Box::new(())),
    }
}

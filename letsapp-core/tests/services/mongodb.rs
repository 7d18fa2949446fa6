//! What people rely on, through the services, on MongoDB and in virtual time. Where there is no MongoDB to be had,
//! which the test kit says loudly, they run in memory.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]

mod accounts;
mod contacts;
mod conversations;
mod events;
mod messages;
mod search;
mod presence;
mod sync;
mod world;

use letsapp_core::LetsAppBuilder;
use letsapp_core::adapters::mongodb::MongoStore;

/// Puts a database of its own under an application.
async fn store(builder: LetsAppBuilder) -> (LetsAppBuilder, world::Kept) {
    match letsapp_testkit::mongodb::shared() {
        Some(uri) => {
            let store = MongoStore::connect(&uri.unique_database_uri()).await.unwrap();
            (builder.store(store), Box::new(()))
        }
        None => (builder, Box::new(())),
    }
}

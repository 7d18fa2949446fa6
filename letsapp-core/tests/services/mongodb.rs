//! What people rely on, through the services, on MongoDB and in virtual time. Where there is no MongoDB to be had,
//! which the test kit says loudly, they run in memory.
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

/// Puts one database under two applications, as under two servers.
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

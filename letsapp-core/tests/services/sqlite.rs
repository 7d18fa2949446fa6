//! The service tests on SQLite.
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
use letsapp_core::adapters::sqlite::SqliteStore;

/// Sets a store on a new file, in a temporary directory that is kept as long as the application.
async fn store(builder: LetsAppBuilder) -> (LetsAppBuilder, world::Kept) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("letsapp.db")).unwrap();
    (builder.store(store), Box::new(directory))
}

/// Sets a store for the first application only: a file can be open once, so there is no second server.
async fn shared(here: LetsAppBuilder, _: LetsAppBuilder) -> (LetsAppBuilder, Option<LetsAppBuilder>, world::Kept) {
    let (here, kept) = store(here).await;
    (here, None, kept)
}

//! What people rely on, through the services, on SQLite and in virtual time.
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

/// Puts a file of its own under an application, in a directory that is kept as long as the application.
async fn store(builder: LetsAppBuilder) -> (LetsAppBuilder, world::Kept) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("letsapp.db")).unwrap();
    (builder.store(store), Box::new(directory))
}

/// A file is open once, so that there is no second server.
async fn shared(here: LetsAppBuilder, _: LetsAppBuilder) -> (LetsAppBuilder, Option<LetsAppBuilder>, world::Kept) {
    let (here, kept) = store(here).await;
    (here, None, kept)
}

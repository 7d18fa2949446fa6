//! What people rely on, through the services, on SQLite and in virtual time.
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
use letsapp_core::adapters::sqlite::SqliteStore;

/// Puts a file of its own under an application, in a directory that is kept as long as the application.
async fn store(builder: LetsAppBuilder) -> (LetsAppBuilder, world::Kept) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("letsapp.db")).unwrap();
    (builder.store(store), Box::new(directory))
}

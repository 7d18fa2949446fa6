//! The service tests on the in-memory store.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]

mod accounts;
mod adding;
mod answers;
mod contacts;
mod conversations;
mod deletion;
mod departures;
mod direct;
mod erasure;
mod events;
mod groups;
mod messages;
mod presence;
mod search;
mod sync;
mod two_servers;
mod visibility;
mod world;

use letsapp_core::LetsAppBuilder;
use letsapp_core::adapters::memory::MemoryStore;

/// Leaves the store as it is by default: in memory.
async fn store(builder: LetsAppBuilder) -> LetsAppBuilder {
    builder
}

/// Sets one store for two applications, which act as two servers.
async fn shared(here: LetsAppBuilder, there: LetsAppBuilder) -> (LetsAppBuilder, LetsAppBuilder) {
    let store = MemoryStore::new();
    let another = store.another();
    (here.store(store), there.store(another))
}

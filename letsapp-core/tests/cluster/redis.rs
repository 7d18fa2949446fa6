//! Several servers on one store in memory, connected by Redis.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]
#![allow(dead_code, reason = "the fixture serves the tests that run in memory too")]

mod delivery;
mod facts;
mod servers;

use std::sync::Arc;

use letsapp_core::LetsAppBuilder;
use letsapp_core::adapters::memory::MemoryStore;
use letsapp_core::adapters::redis::RedisBus;
use letsapp_core::ports::{Clock, EventBus, IdSource, SystemIds};

use crate::servers::Installation;

/// Creates an installation with a bus of its own on the shared Redis. Without Redis, of which the test kit warns, there is
/// none.
async fn installation(_: Arc<dyn Clock>) -> Option<Installation> {
    let url = letsapp_testkit::redis::shared()?;
    let ids: &dyn IdSource = &SystemIds;
    let bus = RedisBus::connect(&format!("{url}?prefix=cluster-{}", ids.random())).await;
    let bus: Arc<dyn EventBus> = Arc::new(bus.unwrap());
    let store = MemoryStore::new();
    let with_store = move |builder: LetsAppBuilder| {
        let builder = builder.store(store.another());
        Box::pin(std::future::ready(builder)) as _
    };
    Some(Installation {
        with_store: Box::new(with_store),
        bus,
    })
}
